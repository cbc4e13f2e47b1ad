-- Stops an operation: at once if nobody works on it, else as soon as its step has ended.
--
-- KEYS[1]  the queue
-- ARGV     project, id
-- Result   1, or 0 if there is no such operation
-- Cost     O(log operations)
local id, key = ARGV[2], OPERATION .. ARGV[2]
local member = ARGV[1] .. '\31' .. id
local state = call('HGET', key, 'state')
if not state then return 0 end
if state ~= 'running' and state ~= 'stopping' then return 1 end
local claimed_until = tonumber(call('ZSCORE', RUNNING, member) or 0)
if call('HEXISTS', key, 'owner') == 1 and claimed_until > now then
  call('HSET', key, 'state', 'stopping', 'updated_at', now)
else
  end_operation(member, id, 'stopped', '')
end
return 1
