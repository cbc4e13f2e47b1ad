-- Asks an operation to stop; the process that works on it does so before its next step.
--
-- KEYS[1]  the queue
-- ARGV     id
-- Result   1, or 0 if there is no such operation
-- Cost     O(1)
local key = OPERATION .. ARGV[1]
local state = call('HGET', key, 'state')
if not state then return 0 end
if state == 'running' then call('HSET', key, 'state', 'stopping', 'updated_at', now) end
return 1
