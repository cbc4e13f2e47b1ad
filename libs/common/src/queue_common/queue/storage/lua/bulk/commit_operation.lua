-- Writes how far an operation has come, and gives up its claim.
--
-- KEYS[1]  the queue
-- ARGV     project, id, who claimed it, when it may be claimed again (ms from now), cursor, state it ends in
--          ('' if it goes on), error, then pairs of counter and increment
-- Result   1, or 0 if the claim is no longer the caller's: nothing is written
-- Cost     O(log operations)
local id, key = ARGV[2], OPERATION .. ARGV[2]
local member = ARGV[1] .. '\31' .. id
local ends_in = ARGV[6]
if call('HGET', key, 'owner') ~= ARGV[3] then return 0 end
for i = 8, #ARGV, 2 do
  if ARGV[i + 1] ~= '0' then call('HINCRBY', key, ARGV[i], ARGV[i + 1]) end
end
call('HSET', key, 'cursor', ARGV[5], 'updated_at', now)
if ends_in == '' and call('HGET', key, 'state') == 'stopping' then ends_in = 'stopped' end
if ends_in ~= '' then
  end_operation(member, id, ends_in, ARGV[7])
else
  call('HDEL', key, 'owner')
  call('ZADD', RUNNING, 'XX', now + tonumber(ARGV[4]), member)
end
return 1
