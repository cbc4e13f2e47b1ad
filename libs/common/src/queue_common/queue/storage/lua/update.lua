-- Replaces what a task carries, its state and last attempt kept: a claimed one's if the lease holds
-- it, and, without a lease, one's that waits.
--
-- KEYS[1]  the queue
-- ARGV     lease ('' for none), id, payload
-- Result   1 written, 0 the task is elsewhere
-- Cost     O(1)
local lease, id, payload = ARGV[1], ARGV[2], ARGV[3]
local task = read_header(id)
if not task then return 0 end
if lease ~= '' and call('HEXISTS', CLAIMED .. lease, id) == 0 then return 0 end
if lease == '' and task.state ~= QUEUED and task.state ~= WAITS_DUE then return 0 end
local front = call('GETRANGE', RECORD .. id, 0, MOVING_BYTES - 1)
local immutable = struct.pack(IMMUTABLE, 'Q', task.digest, #task.lane, #payload)
local tail = call('GETRANGE', RECORD .. id, task.tail_at, -1)
call('SET', RECORD .. id, front .. immutable .. task.lane .. payload .. tail)
return 1
