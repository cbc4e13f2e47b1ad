-- Claims the operation that has waited longest for its next step.
--
-- KEYS[1]  the queue
-- ARGV     who claims it, for how long (ms), then the projects whose operations have to wait
-- Result   {project, separator and id; its fields and values}, or {ms until one may be claimed; -1: there
--          is none}
-- Cost     O(log operations); O(operations) if projects have to wait
local waits = {}
for i = 3, #ARGV do waits[ARGV[i]] = true end
for _, member in ipairs(call('ZRANGEBYSCORE', RUNNING, '-inf', now, 'LIMIT', 0, #ARGV > 2 and -1 or 1)) do
  local project, id = string.match(member, '^(.-)\31(.*)$')
  if call('EXISTS', OPERATION .. id) == 0 then
    call('ZREM', RUNNING, member)
    call('ZREM', OPERATIONS, member)
    return {0}
  elseif not waits[project] then
    call('ZADD', RUNNING, now + tonumber(ARGV[2]), member)
    call('HSET', OPERATION .. id, 'owner', ARGV[1])
    return {member, call('HGETALL', OPERATION .. id)}
  end
end
local first = call('ZRANGEBYSCORE', RUNNING, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {first[2] and first[2] - now or -1}
