-- Replaces what a claimed task carries, its state and last attempt kept. Fenced by the lease.
--
-- KEYS[1]  the queue
-- ARGV     lease, id, the record from its 17th byte on
-- Result   1 written, 0 the claim is not this lease's any more
-- Cost     O(1)
local lease, id, rest = ARGV[1], ARGV[2], ARGV[3]
local task = read_header(id)
if not task or call('HEXISTS', CLAIMED .. lease, id) == 0 then return 0 end
local front = call('GETRANGE', RECORD .. id, 0, 15)
local tail = call('GETRANGE', RECORD .. id, task.tail_at, -1)
call('SET', RECORD .. id, front .. rest .. tail)
return 1
