-- Renews the claim of an operation while a step of it goes on.
--
-- KEYS[1]  the queue
-- ARGV     project, id, who claimed it, for how long it is claimed from now on (ms)
-- Result   the operation's state, '' if the claim is no longer the caller's
-- Cost     O(log operations)
local key = OPERATION .. ARGV[2]
if call('HGET', key, 'owner') ~= ARGV[3] then return '' end
call('ZADD', RUNNING, 'XX', now + tonumber(ARGV[4]), ARGV[1] .. '\31' .. ARGV[2])
return call('HGET', key, 'state')
