-- Pauses or resumes claims from one lane, or from all. A resumed lane starts as a new one.
--
-- KEYS[1]  the queue
-- ARGV     pause or resume, lane ('' for all)
-- Result   1 if that changed anything
-- Cost     O(log lanes + listeners). The module listened stands before this file.
local pausing, lane = ARGV[1] == 'pause', ARGV[2]

if lane == '' then
  begin_writing()
  if pausing then return call('HSETNX', COUNTERS, 'paused', 1) end
  local changed = call('HDEL', COUNTERS, 'paused')
  wake()
  return changed
end
local listener = listened.by(lane)
if listener then
  local _, paused = listened.lane_of(listener)
  listened.set(listener, lane, pausing)
  return paused ~= pausing and 1 or 0
end
if pausing then
  leave_places(lane)
  forget_health(lane)
  local changed = call('SADD', PAUSED, lane)
  pace.note(lane)
  return changed
end
local changed = call('SREM', PAUSED, lane)
pace.note(lane)
if changed == 1 and call('EXISTS', WAITING .. lane) == 1 then
  place(lane)
  wake()
end
return changed
