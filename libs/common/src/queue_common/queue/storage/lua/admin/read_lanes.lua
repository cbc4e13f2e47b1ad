-- Reads lanes: their tasks, health, limits and what their last attempts came to.
--
-- KEYS[1]  the queue
-- ARGV     lanes
-- Result   per lane: {waiting, scheduled, active, dead, ms since the oldest waiting task was due (-1: none
--          waits), health as lanes.lua keeps it ('' if it is not unhealthy), 1 if it is proven, 1 if it is
--          paused, limits as pace.lua keeps them, Unix ms of the next token (0: it has one), delivered,
--          failed, last outcome, last status}
-- Cost     14 commands a lane, and max 100 more if entries of it are cancelled. Writes nothing.
--          The module recent stands before this file.
local HEADS, MAX_HEADS = 3, 100

-- The front of a lane is its oldest task, except for tasks that an operator moved there.
local function oldest_since(lane)
  local oldest
  for i, id in ipairs(call('LRANGE', WAITING .. lane, 0, MAX_HEADS - 1)) do
    local at = waiting_since(id)
    if at and (not oldest or at < oldest) then oldest = at end
    if oldest and i >= HEADS then break end
  end
  return oldest
end

local function read(lane)
  local suspects = call('ZCARD', SUSPECTED .. lane)
  local waiting = call('LLEN', WAITING .. lane) - tonumber(call('HGET', TOMBSTONES, lane) or 0)
  local oldest = waiting > 0 and oldest_since(lane)
  local own, next_token = pace.of(lane), 0
  if own and pace.tokens(own) == 0 then next_token = pace.next_at(own) end
  local delivered, failed, outcome, status = recent.of(lane)
  return {
    waiting + suspects, call('ZCARD', SCHEDULED .. lane), tonumber(call('HGET', IN_FLIGHT, lane) or 0),
    call('ZCARD', DEAD_IN_LANE .. lane), oldest and math.max(now - oldest, 0) or -1,
    call('HGET', UNHEALTHY, lane) or '', call('ZSCORE', PROVEN, lane) and 1 or 0,
    call('SISMEMBER', PAUSED, lane), call('HGET', LANE_LIMITS, lane) or '', next_token,
    delivered, failed, outcome, status,
  }
end

local rows = {}
for i, lane in ipairs(ARGV) do rows[i] = read(lane) end
return rows
