-- Writes how far an operation has come, and renews its claim.
--
-- KEYS[1]  the queue
-- ARGV     project, id, who claimed it, for how long it is claimed from now on (ms; 0: it is released),
--          cursor, state it ends in ('' if it goes on), error, then pairs of counter and increment
-- Result   the operation's state, '' if the claim is no longer the caller's
-- Cost     O(log operations)
local id, key = ARGV[2], OPERATION .. ARGV[2]
local member = ARGV[1] .. '\31' .. id
local lease, ends_in = tonumber(ARGV[4]), ARGV[6]
if call('HGET', key, 'owner') ~= ARGV[3] then return '' end
for i = 8, #ARGV, 2 do
  if ARGV[i + 1] ~= '0' then call('HINCRBY', key, ARGV[i], ARGV[i + 1]) end
end
call('HSET', key, 'cursor', ARGV[5], 'updated_at', now)
if ends_in ~= '' then
  call('HSET', key, 'state', ends_in, 'error', ARGV[7], 'finished_at', now)
  call('ZREM', RUNNING, member)
else
  call('ZADD', RUNNING, 'XX', now + lease, member)
end
return call('HGET', key, 'state')
