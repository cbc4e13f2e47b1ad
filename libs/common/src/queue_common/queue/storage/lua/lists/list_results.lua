-- Lists delivered or cancelled tasks, newest first, from a position on.
--
-- KEYS[1]  the queue
-- ARGV     state, project ('' for all), lane ('' for all), number of the position (-1: the newest), max
--          entries to look at, max tasks
-- Result   {number of the last entry looked at (-1: that was the oldest), entries looked at, then per
--          task: number, id}
--          number  how many entries the list ever had before this one
-- Cost     O(entries looked at). Writes nothing.
local state, project, lane, number = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local max_looked, max = tonumber(ARGV[5]), tonumber(ARGV[6])
local removed = tonumber(call('HGET', COUNTERS, 'results_pruned') or 0)
local length = call('LLEN', RESULTS)
local last = number < 0 and length - 1 or math.min(number - 1 - removed, length - 1)
if last < 0 then return {-1, 0} end
local first = math.max(last - max_looked + 1, 0)

local function is_asked(id)
  local head = redis.pcall('GETRANGE', RECORD .. id, 0, HEADER_BYTES + 511)
  if not is_ours(head) or string.sub(head, 1, 1) ~= state then return false end
  local lane_bytes = struct.unpack('>I2', head, LANE_BYTES_AT + 1)
  local its = string.sub(head, HEADER_BYTES + 1, HEADER_BYTES + lane_bytes)
  return in_project(its, project) and (lane == '' or its == lane)
end

local found, looked, index = {}, 0, last
local entries = call('LRANGE', RESULTS, first, last)
while index >= first and #found < 2 * max do
  local id = string.sub(entries[index - first + 1], 23)
  if is_asked(id) then
    found[#found + 1] = index + removed
    found[#found + 1] = id
  end
  index, looked = index - 1, looked + 1
end
return {index < 0 and -1 or index + 1 + removed, looked, unpack(found)}
