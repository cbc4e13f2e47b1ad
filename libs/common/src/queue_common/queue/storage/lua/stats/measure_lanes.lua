-- Scans some lanes: which have the most tasks, and how long the oldest waiting task has waited.
--
-- KEYS[1]  the queue
-- ARGV     lane after which to begin ('' for the first), max lanes
-- Result   {lane to go on after ('' : that was all), ms since the longest waiting task was due (-1:
--           none waits), then of at most ten lanes, those with the most tasks: lane, waiting,
--           scheduled, active, dead}
-- Cost     O(max): 2 commands a lane, 4 more where tasks wait. Writes nothing.
local after, max = ARGV[1], tonumber(ARGV[2])
local TOP, HEADS, MAX_TOMBSTONES = 10, 3, 100
local oldest, top = nil, {}

-- Reads the entries' times; returns false if all are tombstones.
local function scan_entries(lane, from, till)
  local found = false
  for _, id in ipairs(call('LRANGE', WAITING .. lane, from, till)) do
    local at = waiting_since(id)
    if at then
      if not oldest or at < oldest then oldest = at end
      found = true
    end
  end
  return found
end

-- The front of a lane is its oldest task, except for tasks that an operator moved there.
local function find_oldest(lane, waiting)
  if waiting > 0 and not scan_entries(lane, 0, HEADS - 1) then
    scan_entries(lane, HEADS, HEADS + MAX_TOMBSTONES - 1)
  end
end

local function rank(found)
  if #top == TOP and found.total <= top[TOP].total then return end
  top[math.min(#top, TOP - 1) + 1] = found
  table.sort(top, function(a, b) return a.total > b.total end)
end

local from = after == '' and '-' or '(' .. after
local lanes = call('ZRANGEBYLEX', LANES, from, '+', 'LIMIT', 0, max)
local any_suspects = call('EXISTS', SUSPECT_LANES) == 1
if #lanes > 0 then
  local tombstones = call('HMGET', TOMBSTONES, unpack(lanes))
  local in_flight = call('HMGET', IN_FLIGHT, unpack(lanes))
  for i, lane in ipairs(lanes) do
    local suspects = any_suspects and call('ZCARD', SUSPECTED .. lane) or 0
    local waiting = call('LLEN', WAITING .. lane) - tonumber(tombstones[i] or 0) + suspects
    local scheduled, active = call('ZCARD', SCHEDULED .. lane), tonumber(in_flight[i] or 0)
    rank({lane = lane, waiting = waiting, scheduled = scheduled, active = active,
          total = waiting + scheduled + active})
    find_oldest(lane, waiting)
  end
end

local reply = {#lanes == max and lanes[#lanes] or '', oldest and math.max(now - oldest, 0) or -1}
for _, found in ipairs(top) do
  reply[#reply + 1] = found.lane
  reply[#reply + 1] = found.waiting
  reply[#reply + 1] = found.scheduled
  reply[#reply + 1] = found.active
  reply[#reply + 1] = call('ZCARD', DEAD_IN_LANE .. found.lane)
end
return reply
