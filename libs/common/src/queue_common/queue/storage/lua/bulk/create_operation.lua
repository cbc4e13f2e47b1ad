-- Stores an operation on many tasks. Any process that runs operations may claim it.
--
-- KEYS[1]  the queue
-- ARGV     project, id, its definition, how long it is kept (ms), max operations, a digest of what was
--          asked for
-- Result   1; 2 if the operation exists; -1 if one with this id exists that was asked for otherwise; 0 if as
--          many operations go on as may be kept
-- Cost     O(log operations); one that has ended is removed if there are too many.
local project, id, definition = ARGV[1], ARGV[2], ARGV[3]
local ttl, max = tonumber(ARGV[4]), tonumber(ARGV[5])
local member = project .. '\31' .. id
if call('ZSCORE', OPERATIONS, member) then
  return call('HGET', OPERATION .. id, 'asked') == ARGV[6] and 2 or -1
end
for _, oldest in ipairs(call('ZRANGE', OPERATIONS, 0, 20)) do
  if call('ZCARD', OPERATIONS) < max then break end
  if not call('ZSCORE', RUNNING, oldest) then
    call('ZREM', OPERATIONS, oldest)
    call('DEL', OPERATION .. string.match(oldest, '\31(.*)$'))
  end
end
if call('ZCARD', OPERATIONS) >= max then return 0 end
call('HSET', OPERATION .. id, 'definition', definition, 'state', 'running', 'cursor', '',
     'asked', ARGV[6], 'created_at', now, 'updated_at', now)
call('PEXPIRE', OPERATION .. id, ttl)
call('ZADD', OPERATIONS, now, member)
call('ZADD', RUNNING, now, member)
return 1
