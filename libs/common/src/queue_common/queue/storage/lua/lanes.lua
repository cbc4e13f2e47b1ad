-- What every script knows of lanes, behind the prelude: their places, their counts, their health.
--
-- A lane is proven by a response, until a failure that tells of its destination. One that is not
-- proven is on trial: all lanes on trial together have a part of each worker's tasks. After
-- BAD_TO_REST such failures in a row it is unhealthy: it has one task in flight, a probe, and rests
-- from one to the next, longer each time. Responses let it have 2, then 4; then it is proven.
--
-- unhealthy has of each such lane "level room probe_at": how many pauses it has had, how many tasks
-- it may have in flight, and the Unix ms before which it gets none.
local BAD_TO_REST, HEALTHY_ROOM, MAX_LEVEL = 5, 8, 16
local MIN_PAUSE_MS, MAX_PAUSE_MS = 1000, 60000
local MAX_PROVEN, PROVEN_REMOVED_A_CALL = 20000, 100
local any_unhealthy, any_bad = nil, nil

-- By far the most common: no lane is in doubt. That is asked once a call.
local function ask_for_doubts()
  if any_unhealthy == nil then
    any_unhealthy = call('EXISTS', UNHEALTHY) == 1
    any_bad = call('EXISTS', BAD) == 1
  end
end

-- Returns nil for a lane that is not unhealthy.
local function health_of(lane)
  ask_for_doubts()
  local kept = any_unhealthy and call('HGET', UNHEALTHY, lane)
  if not kept then return nil end
  local level, room, probe_at = string.match(kept, '^(%d+) (%d+) (%d+)$')
  return {level = tonumber(level), room = tonumber(room), probe_at = tonumber(probe_at)}
end

local function forget_health(lane)
  ask_for_doubts()
  if any_unhealthy then call('HDEL', UNHEALTHY, lane) end
  if any_bad then call('HDEL', BAD, lane) end
end

local function leave_places(lane)
  return call('ZREM', RING, lane) + call('ZREM', TRIAL, lane) + call('ZREM', RESTING, lane)
    + call('SREM', FULL, lane)
end

local earliest_probe = nil

-- A lane that has waiting tasks takes its place: at the end of its ring, or by its next probe.
-- now_us only orders lanes: a clock that steps back costs a lane a turn, never its place. Returns
-- true where it may be served now.
local function place(lane)
  if call('SISMEMBER', PAUSED, lane) == 1 then return end
  local health = health_of(lane)
  if health then
    call('ZADD', RESTING, health.probe_at, lane)
    if health.probe_at <= now then return true end
    if not earliest_probe or health.probe_at < earliest_probe then
      earliest_probe = health.probe_at
    end
    return
  end
  call('ZADD', call('ZSCORE', PROVEN, lane) and RING or TRIAL, 'NX', now_us, lane)
  now_us = now_us + 1
  return true
end

-- A lane with another health takes another place, where it had one; one that is full keeps that.
local function move(lane)
  if call('ZREM', RING, lane) + call('ZREM', TRIAL, lane) + call('ZREM', RESTING, lane) > 0 then
    return place(lane)
  end
end

local function keep_health(lane, level, room, probe_at)
  call('HSET', UNHEALTHY, lane, string.format('%d %d %d', level, room, probe_at))
  any_unhealthy = true
end

local function prove(lane)
  call('ZADD', PROVEN, now, lane)
  local over = call('ZCARD', PROVEN) - MAX_PROVEN
  if over > 0 then
    call('ZREMRANGEBYRANK', PROVEN, 0, math.min(over, PROVEN_REMOVED_A_CALL) - 1)
  end
end

-- The pause grows once a probe: what was in flight before and fails meanwhile tells nothing new. It
-- is never longer than the time after which one of the failed tasks is tried again.
local function worsen(lane, heard)
  call('ZREM', PROVEN, lane)
  local health = health_of(lane)
  if not health then
    local bad = call('HINCRBY', BAD, lane, heard.bad)
    any_bad = true
    if bad < BAD_TO_REST and not heard.rests then return end
    call('HDEL', BAD, lane)
    health = {level = 0, probe_at = now}
  end
  if health.probe_at <= now then
    health.level = math.min(health.level + 1, MAX_LEVEL)
    local pause = math.min(MIN_PAUSE_MS * 2 ^ (health.level - 1), MAX_PAUSE_MS, heard.retry_ms)
    health.probe_at = now + pause
  end
  keep_health(lane, health.level, 1, health.probe_at)
end

local function improve(lane, heard)
  local health = health_of(lane)
  if health and health.room * 2 < HEALTHY_ROOM then
    return keep_health(lane, health.level, health.room * 2, now)
  end
  local doubted = any_bad and call('HDEL', BAD, lane) == 1
  if health then call('HDEL', UNHEALTHY, lane) end
  if health or doubted or heard.proves then prove(lane) end
end

-- Takes in what a call tells of a lane: a response outweighs failures. Returns true where the lane
-- could not be served before and now can.
local function judge(lane, heard)
  if heard.responds then improve(lane, heard) else worsen(lane, heard) end
  return move(lane)
end

-- Ids go to the back of their lane, or to the front with the last one foremost. Returns true where
-- the lane could not be served before and now can.
local function push(lane, ids, to_front)
  local length
  for from = 1, #ids, 1000 do
    local till = math.min(from + 999, #ids)
    length = call(to_front and 'LPUSH' or 'RPUSH', WAITING .. lane, unpack(ids, from, till))
  end
  count('queued', #ids)
  if length == #ids then
    call('ZADD', LANES, 0, lane)
    return place(lane)
  end
end

local newly_due, newly_scheduled = {}, 0

-- Many tasks are scheduled by a call each; what is known of their lanes is written once, at the end.
local function schedule(lane, id, at)
  call('ZADD', SCHEDULED .. lane, at, id)
  newly_scheduled = newly_scheduled + 1
  if not newly_due[lane] or at < newly_due[lane] then newly_due[lane] = at end
end

-- Returns when a worker has to look again for what was scheduled and for what rests, nil for nothing.
local function end_scheduling()
  local earliest = earliest_probe
  for lane, at in pairs(newly_due) do
    call('ZADD', DUE, 'LT', at, lane)
    if not earliest or at < earliest then earliest = at end
  end
  count('scheduled', newly_scheduled)
  return earliest
end

-- A due time before the one that is watched for, or any if that has passed, needs a worker to look.
local function wake_for(at)
  local watched = tonumber(call('HGET', N, 'watch_at') or 0)
  if watched <= now or at < watched then wake() end
end

local function lane_is_empty(lane)
  return call('EXISTS', WAITING .. lane, SCHEDULED .. lane, SUSPECTED .. lane) == 0
    and call('HEXISTS', INFLIGHT, lane) == 0
end

local function forget_if_empty(lane)
  if lane_is_empty(lane) then
    call('ZREM', LANES, lane)
    forget_health(lane)
  end
end

local function update_due(lane)
  local head = call('ZRANGE', SCHEDULED .. lane, 0, 0, 'WITHSCORES')
  if head[1] then call('ZADD', DUE, head[2], lane) else call('ZREM', DUE, lane) end
end

-- Takes tasks off the lane's in-flight count; a lane that stood at its limit may go on.
local function release(lane, tasks)
  count('active', -tasks)
  if call('HINCRBY', INFLIGHT, lane, -tasks) <= 0 then
    call('HDEL', INFLIGHT, lane)
    forget_if_empty(lane)
  end
  if call('SREM', FULL, lane) == 1 then return place(lane) end
end
