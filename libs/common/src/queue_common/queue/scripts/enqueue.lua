-- Takes new tasks in: each becomes queued, or scheduled where it has a delay.
--
-- KEYS[1]  the queue
-- ARGV     per task: id, lane, delay in ms, the record from its 17th byte on
-- Result   per task: 1 new, 0 the same task was there, -1 another task has this id
-- Cost     O(1) a task; 2 commands a task and about 4 a lane. Running it again changes nothing.
local results, by_lane, lanes = {}, {}, {}

for i = 1, #ARGV, 4 do
  local id, lane, delay, rest = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local state = delay > 0 and WAITS_DUE or QUEUED
  local record = moving(state, now + delay, 0, 0) .. rest
  if call('SET', RECORD .. id, record, 'NX') then
    if delay > 0 then
      call('ZADD', LANES, 0, lane)
      schedule(lane, id, now + delay)
    else
      if not by_lane[lane] then
        by_lane[lane] = {}
        lanes[#lanes + 1] = lane
      end
      table.insert(by_lane[lane], id)
    end
    results[#results + 1] = 1
  else
    -- Whatever else holds the key is a conflict of this task alone.
    local digest = redis.pcall('GETRANGE', RECORD .. id, 17, 24)
    results[#results + 1] = digest == string.sub(rest, 2, 9) and 0 or -1
  end
end

local placed = false
for _, lane in ipairs(lanes) do placed = push(lane, by_lane[lane]) or placed end
if placed then wake() end
local earliest = end_scheduling()
if earliest then wake_for(earliest) end
return results
