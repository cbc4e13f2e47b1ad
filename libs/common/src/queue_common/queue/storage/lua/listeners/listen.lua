-- Gives a listener its lease and keeps the lane from the workers.
--
-- KEYS[1]  the queue
-- ARGV     lease, its length in ms, lane, max listeners
-- Result   1, or 0 if there are too many listeners
-- Cost     O(log lanes + listeners)
--          The module listened stands before this file.
local lease, length, lane, max = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
-- A worker of the previous release ends a listener's lease and leaves its lane paused.
for _, known in ipairs(call('HKEYS', LISTENERS)) do
  if not call('ZSCORE', WORKERS, known) then listened.leave(known) end
end
local paused = call('SISMEMBER', PAUSED, lane) == 1

-- A new listener takes the lane from the one before, which may be dead already.
local before = listened.by(lane)
if before then
  local _, by_operator = listened.lane_of(before)
  paused = by_operator
  call('HDEL', LISTENERS, before)
  call('ZREM', WORKERS, before)
  if call('EXISTS', CLAIMED .. before) == 1 then call('SADD', LOST, before) end
  wake()
elseif call('HLEN', LISTENERS) >= max then
  return 0
end

leave_places(lane)
call('SADD', PAUSED, lane)
pace.note(lane)
listened.set(lease, lane, paused)
call('ZADD', WORKERS, now + length, lease)
return 1
