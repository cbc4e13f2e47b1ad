-- Claims an operation that goes on and that nobody works on.
--
-- KEYS[1]  the queue
-- ARGV     who claims it, for how long (ms)
-- Result   {} or {project, separator and id; its fields and values}
-- Cost     O(log operations)
local found = call('ZRANGEBYSCORE', RUNNING, '-inf', now, 'LIMIT', 0, 1)
if not found[1] then return {} end
local id = string.match(found[1], '\31(.*)$')
if call('EXISTS', OPERATION .. id) == 0 then
  call('ZREM', RUNNING, found[1])
  call('ZREM', OPERATIONS, found[1])
  return {}
end
call('ZADD', RUNNING, now + tonumber(ARGV[2]), found[1])
call('HSET', OPERATION .. id, 'owner', ARGV[1])
return {found[1], call('HGETALL', OPERATION .. id)}
