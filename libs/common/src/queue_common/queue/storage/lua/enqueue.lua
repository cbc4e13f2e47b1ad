-- Takes new tasks in: each becomes queued, or scheduled where it has a delay.
--
-- KEYS[1]  the queue
-- ARGV     per task: id, lane, delay in ms, the record as of a queued task
-- Result   per task: 1 new, 0 the same task was there, -1 another task has this id
-- Cost     O(1) a task; about 5 commands a lane, and 2 a task where one of them was there before or
--          has a delay, or the sender's clock is off. Running it again changes nothing.
local results, by_lane, lanes = {}, {}, {}

-- A task waits since a time by this server's clock; a record as sent has one by its sender's.
local MAX_CLOCK_SKEW_MS = 1000

-- By far the most common: all are new, none has a delay, and the clocks agree. One write for all of
-- them then, and no record is put together here, for long strings are what Lua takes longest for.
local function write_new_ones()
  if math.abs(now - struct.unpack('>I8', ARGV[4], 2)) > MAX_CLOCK_SKEW_MS then return false end
  local keys, writes, seen = {}, {}, {}
  for i = 1, #ARGV, 4 do
    local key = RECORD .. ARGV[i]
    if ARGV[i + 2] ~= '0' or seen[key] then return false end
    seen[key] = true
    keys[#keys + 1] = key
    writes[#writes + 1] = key
    writes[#writes + 1] = ARGV[i + 3]
  end
  if call('EXISTS', unpack(keys)) > 0 then return false end
  call('MSET', unpack(writes))
  return true
end

local NO_DIGEST = string.rep('\0', 8)

-- Frees the id of a settled task for one that has no digest: SAQ's keys are used again and again.
local function take_again(id, record)
  if string.sub(record, 18, 25) ~= NO_DIGEST then return false end
  local task = read_header(id)
  if not task then return false end
  if task.state == IS_DEAD then forget_dead(id, task.lane) end
  return task.state == IS_DEAD or task.state == IS_DELIVERED or task.state == IS_CANCELLED
end

-- Returns what the result of the task is.
local function write(id, delay, record)
  local front = moving(delay > 0 and WAITS_DUE or QUEUED, now + delay, 0, 0)
  record = front .. string.sub(record, MOVING_BYTES + 1)
  if call('SET', RECORD .. id, record, 'NX') then return 1 end
  if take_again(id, record) then
    call('SET', RECORD .. id, record)
    return 1
  end
  -- Whatever else holds the key is a conflict of this task alone.
  local digest = redis.pcall('GETRANGE', RECORD .. id, 17, 24)
  return digest == string.sub(record, 18, 25) and 0 or -1
end

local all_written = write_new_ones()
for i = 1, #ARGV, 4 do
  local id, lane, delay = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local result = all_written and 1 or write(id, delay, ARGV[i + 3])
  if result == 1 and delay > 0 then
    call('ZADD', LANES, 0, lane)
    schedule(lane, id, now + delay)
  elseif result == 1 then
    if not by_lane[lane] then
      by_lane[lane] = {}
      lanes[#lanes + 1] = lane
    end
    table.insert(by_lane[lane], id)
  end
  results[#results + 1] = result
end

local placed = false
for _, lane in ipairs(lanes) do placed = push(lane, by_lane[lane]) or placed end
if placed then wake() end
local earliest = end_scheduling()
if earliest then wake_for(earliest) end
return results
