-- Looks at some lanes: which have the most tasks, and which task has waited the longest.
--
-- KEYS[1]  the queue
-- ARGV     lane after which to begin ('' for the first), most lanes
-- Result   {lane to go on after ('' : that was all), ms since the longest waiting task was due (-1:
--           none waits), then of at most ten lanes, those with the most tasks: lane, waiting,
--           scheduled, active, dead}
-- Cost     O(max): 2 commands a lane, 4 more where tasks wait. Writes nothing.
local after, max = ARGV[1], tonumber(ARGV[2])
local TOP, HEADS, GHOSTS_PASSED = 10, 3, 100
local oldest, top = nil, {}

-- Takes the entries' times in; returns false where all were ghosts.
local function look_at(lane, from, till)
  local found = false
  for _, id in ipairs(call('LRANGE', WAITING .. lane, from, till)) do
    local head = redis.pcall('GETRANGE', RECORD .. id, 0, 16)
    if type(head) == 'string' and string.sub(head, 1, 1) == QUEUED and string.sub(head, 17) == 'Q' then
      local at = struct.unpack('>I8', head, 2)
      if not oldest or at < oldest then oldest = at end
      found = true
    end
  end
  return found
end

-- The front of a lane is its oldest, but for what was brought there by hand.
local function look_for_oldest(lane, waiting)
  if waiting > 0 and not look_at(lane, 0, HEADS - 1) then
    look_at(lane, HEADS, HEADS + GHOSTS_PASSED - 1)
  end
end

local function rank(found)
  if #top == TOP and found.total <= top[TOP].total then return end
  top[math.min(#top, TOP - 1) + 1] = found
  table.sort(top, function(a, b) return a.total > b.total end)
end

local from = after == '' and '-' or '(' .. after
local lanes = call('ZRANGEBYLEX', LANES, from, '+', 'LIMIT', 0, max)
local any_suspects = call('EXISTS', SUSPECTS) == 1
if #lanes > 0 then
  local ghosts = call('HMGET', GHOSTS, unpack(lanes))
  local flying = call('HMGET', INFLIGHT, unpack(lanes))
  for i, lane in ipairs(lanes) do
    local suspects = any_suspects and call('ZCARD', SUSPECTED .. lane) or 0
    local waiting = call('LLEN', WAITING .. lane) - tonumber(ghosts[i] or 0) + suspects
    local scheduled, active = call('ZCARD', SCHEDULED .. lane), tonumber(flying[i] or 0)
    rank({lane = lane, waiting = waiting, scheduled = scheduled, active = active,
          total = waiting + scheduled + active})
    look_for_oldest(lane, waiting)
  end
end

local reply = {#lanes == max and lanes[#lanes] or '', oldest and math.max(now - oldest, 0) or -1}
for _, found in ipairs(top) do
  reply[#reply + 1] = found.lane
  reply[#reply + 1] = found.waiting
  reply[#reply + 1] = found.scheduled
  reply[#reply + 1] = found.active
  reply[#reply + 1] = call('ZCARD', DEAD_IN .. found.lane)
end
return reply
