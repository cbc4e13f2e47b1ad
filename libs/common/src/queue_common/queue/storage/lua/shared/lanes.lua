-- Shared by every script, after the prelude: the places, counts and health of lanes.
--
-- A response proves a lane, until a failure of its destination. A lane that is not proven is on trial:
-- all lanes on trial share a part of each worker's tasks. After
-- FAILURES_TO_REST such failures in a row it is unhealthy: it has one task in flight, a probe, and rests
-- from one to the next, longer each time. Responses let it have 2, then 4; then it is proven.
--
-- UNHEALTHY holds "level room probe_at" for each such lane: how many pauses it has had, how many tasks it
-- may have in flight, and the Unix ms before which it gets none.
local FAILURES_TO_REST, HEALTHY_ROOM, MAX_LEVEL = 5, 8, 16
local MIN_PAUSE_MS, MAX_PAUSE_MS = 1000, 60000
local MAX_PROVEN, MAX_PROVEN_REMOVED = 20000, 100
local any_unhealthy, any_failing = nil, nil

-- Writes the projects' use. Every script that may change it ends with this. Returns true if a project can
-- be served now and could not before.
local function finish_projects()
  return rawget(projects, 'finish') and projects.finish()
end

-- Most of the time no lane is in doubt. That is read once a call.
local function load_doubts()
  if any_unhealthy == nil then
    any_unhealthy = call('EXISTS', UNHEALTHY) == 1
    any_failing = call('EXISTS', FAILING) == 1
  end
end

-- Returns nil for a lane that is not unhealthy.
local function health_of(lane)
  load_doubts()
  local kept = any_unhealthy and call('HGET', UNHEALTHY, lane)
  if not kept then return nil end
  local level, room, probe_at = string.match(kept, '^(%d+) (%d+) (%d+)$')
  return {level = tonumber(level), room = tonumber(room), probe_at = tonumber(probe_at)}
end

local function forget_health(lane)
  load_doubts()
  if any_unhealthy then call('HDEL', UNHEALTHY, lane) end
  if any_failing then call('HDEL', FAILING, lane) end
end

-- Removes a lane from its rings. Returns how many it was in.
local function leave_rings(lane)
  local left = call('ZREM', RING, lane) + call('ZREM', TRIAL, lane) + call('ZREM', RESTING, lane)
  local project = project_of(lane)
  if not project then return left end
  left = left + call('ZREM', RING_OF .. project, lane) + call('ZREM', TRIAL_OF .. project, lane)
    + call('ZREM', RESTING_OF .. project, lane)
  if left > 0 then projects.update_ready(project) end
  return left
end

local function leave_places(lane)
  leave_rings(lane)
  call('SREM', FULL, lane)
  call('ZREM', THROTTLED, lane)
end

local earliest_probe = nil

-- Gives a lane with waiting tasks its place: at the end of its ring, or by its next probe. now_us only
-- orders lanes: a clock that steps back costs a lane a turn, never its place. Returns true if the lane
-- may be served now.
local function place(lane)
  if call('SISMEMBER', PAUSED, lane) == 1 then return end
  local health, project = health_of(lane), project_of(lane)
  if health then
    call('ZADD', project and RESTING_OF .. project or RESTING, health.probe_at, lane)
    if project then projects.show(project, READY_RESTING, health.probe_at) end
    if health.probe_at <= now then return true end
    if not earliest_probe or health.probe_at < earliest_probe then
      earliest_probe = health.probe_at
    end
    return
  end
  local proven = call('ZSCORE', PROVEN, lane)
  if project then
    call('ZADD', (proven and RING_OF or TRIAL_OF) .. project, 'NX', now_us, lane)
    projects.show(project, proven and READY or READY_TRIAL)
  else
    call('ZADD', proven and RING or TRIAL, 'NX', now_us, lane)
  end
  now_us = now_us + 1
  return true
end

-- Moves a lane to the place of its new health, if it had one; a full lane stays where it is.
local function move(lane)
  if leave_rings(lane) > 0 then return place(lane) end
end

local function keep_health(lane, level, room, probe_at)
  call('HSET', UNHEALTHY, lane, string.format('%d %d %d', level, room, probe_at))
  any_unhealthy = true
end

local function prove(lane)
  call('ZADD', PROVEN, now, lane)
  local over = call('ZCARD', PROVEN) - MAX_PROVEN
  if over > 0 then
    call('ZREMRANGEBYRANK', PROVEN, 0, math.min(over, MAX_PROVEN_REMOVED) - 1)
  end
end

-- The pause grows once per probe: failures of attempts that began before it are no new evidence. It is
-- never longer than the time until the next retry of a failed task.
local function worsen(lane, evidence)
  call('ZREM', PROVEN, lane)
  local health = health_of(lane)
  if not health then
    local bad = call('HINCRBY', FAILING, lane, evidence.failures)
    any_failing = true
    if bad < FAILURES_TO_REST and not evidence.unreachable then return end
    call('HDEL', FAILING, lane)
    health = {level = 0, probe_at = now}
  end
  if health.probe_at <= now then
    health.level = math.min(health.level + 1, MAX_LEVEL)
    local pause = math.min(MIN_PAUSE_MS * 2 ^ (health.level - 1), MAX_PAUSE_MS, evidence.retry_ms)
    health.probe_at = now + pause
  end
  keep_health(lane, health.level, 1, health.probe_at)
end

local function improve(lane, evidence)
  local health = health_of(lane)
  if health and health.room * 2 < HEALTHY_ROOM then
    return keep_health(lane, health.level, health.room * 2, now)
  end
  local doubted = any_failing and call('HDEL', FAILING, lane) == 1
  if health then call('HDEL', UNHEALTHY, lane) end
  if health or doubted or evidence.proves then prove(lane) end
end

-- Applies a call's evidence on a lane: a response outweighs failures. Returns true if the lane can be
-- served now and could not before.
local function judge(lane, evidence)
  if evidence.responds then improve(lane, evidence) else worsen(lane, evidence) end
  return move(lane)
end

-- Pushes ids to the back of their lane, or to the front, where the last one becomes the first. Returns
-- true if the lane can be served now and could not before.
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

-- Called once per task; end_scheduling writes the lanes' due times once per script.
local function schedule(lane, id, at)
  call('ZADD', SCHEDULED .. lane, at, id)
  newly_scheduled = newly_scheduled + 1
  if not newly_due[lane] or at < newly_due[lane] then newly_due[lane] = at end
end

-- Returns the time of the next scheduled task or probe that this call has set, nil if there is none.
local function end_scheduling()
  local earliest = earliest_probe
  for lane, at in pairs(newly_due) do
    call('ZADD', DUE, 'LT', at, lane)
    if not earliest or at < earliest then earliest = at end
  end
  count('scheduled', newly_scheduled)
  return earliest
end

-- Wakes a worker for a due time before the one that is watched, or for any if that one has passed.
local function wake_for(at)
  local watched = tonumber(call('HGET', COUNTERS, 'watch_at') or 0)
  if watched <= now or at < watched then wake() end
end

local function lane_is_empty(lane)
  return call('EXISTS', WAITING .. lane, SCHEDULED .. lane, SUSPECTED .. lane) == 0
    and call('HEXISTS', IN_FLIGHT, lane) == 0
end

local function forget_if_empty(lane)
  if lane_is_empty(lane) then
    call('ZREM', LANES, lane)
    forget_health(lane)
    local project = project_of(lane)
    if project then projects.lane_gone[project] = true end
  end
end

local function update_due(lane)
  local head = call('ZRANGE', SCHEDULED .. lane, 0, 0, 'WITHSCORES')
  if head[1] then call('ZADD', DUE, head[2], lane) else call('ZREM', DUE, lane) end
end

-- Subtracts tasks from the lane's in-flight count. A lane at its limit can be served again; returns true
-- if it can be served now.
local function free_slots(lane, tasks)
  local project = project_of(lane)
  if project then projects.use(project, 0, 0, -tasks) end
  count('active', -tasks)
  if call('HINCRBY', IN_FLIGHT, lane, -tasks) <= 0 then
    call('HDEL', IN_FLIGHT, lane)
    forget_if_empty(lane)
  end
  if call('SREM', FULL, lane) == 1 then return place(lane) end
end
