-- The limits that a new task may be over; a module of enqueue.lua.
--
-- A task that is over a limit is refused alone. Its result is {which limit, ms until another try may
-- succeed (0: not known), the limit, the burst of a rate}.
local LIMIT_RATE, LIMIT_WAITING, LIMIT_BYTES, LIMIT_LANES = -2, -3, -4, -5
local LIMIT_BACKLOG, LIMIT_LANE_BACKLOG = -6, -7
local EXEMPT = -1
local max_backlog, max_lane_backlog = tonumber(ARGV[1]), tonumber(ARGV[2])
local now_at = now_us

local by_project, by_lane, backlog = {}, {}, nil

local function read_project(name)
  local kept = call('HMGET', PROJECT .. name, 'rate', 'burst', 'rate_at', 'max_waiting', 'max_bytes',
                    'max_lanes', 'tasks', 'in_flight', 'bytes')
  local function number(i) return kept[i] and tonumber(kept[i]) end
  local project = {
    rate = number(1), burst = number(2), rate_at = number(3) or 0, max_waiting = number(4),
    max_bytes = number(5), max_lanes = number(6), bytes = number(9) or 0, new_lanes = {}, lanes = 0,
  }
  project.waiting = (number(7) or 0) - (number(8) or 0)
  if project.max_lanes then project.lanes = call('ZLEXCOUNT', LANES, projects.lanes_of(name)) end
  by_project[name] = project
  return project
end

-- The rate is a bucket of `burst` tokens that gets `rate` a second. It is kept as the time at which it is
-- full again, in microseconds.
local function next_rate_at(project)
  return math.max(project.rate_at, now_at) + 1000000 / project.rate
end

local function is_new_lane(project, lane)
  return project.max_lanes and not project.new_lanes[lane] and not call('ZSCORE', LANES, lane)
end

local function over_project(project, lane, bytes)
  if project.max_waiting and project.waiting >= project.max_waiting then
    return {LIMIT_WAITING, 0, project.max_waiting}
  elseif project.max_bytes and project.bytes + bytes > project.max_bytes then
    return {LIMIT_BYTES, 0, project.max_bytes}
  elseif is_new_lane(project, lane) and project.lanes >= project.max_lanes then
    return {LIMIT_LANES, 0, project.max_lanes}
  elseif project.rate then
    local early = next_rate_at(project) - now_at - project.burst * 1000000 / project.rate
    if early > 0 then
      return {LIMIT_RATE, math.ceil(early / 1000), tostring(project.rate), project.burst}
    end
  end
end

local function waiting_in(lane)
  if not by_lane[lane] then
    by_lane[lane] = call('LLEN', WAITING .. lane) + call('ZCARD', SCHEDULED .. lane)
      + call('ZCARD', SUSPECTED .. lane) - tonumber(call('HGET', TOMBSTONES, lane) or 0)
  end
  return by_lane[lane]
end

local function over_backlog(lane)
  if max_backlog > 0 then
    if not backlog then
      local counts = call('HMGET', COUNTERS, 'queued', 'scheduled')
      backlog = tonumber(counts[1] or 0) + tonumber(counts[2] or 0)
    end
    if backlog >= max_backlog then return {LIMIT_BACKLOG, 0, max_backlog} end
  end
  if max_lane_backlog > 0 and waiting_in(lane) >= max_lane_backlog then
    return {LIMIT_LANE_BACKLOG, 0, max_lane_backlog}
  end
end

-- Returns the result of a task over a limit, nil for one that is within all.
local function refusal(project, lane, bytes)
  if max_backlog == EXEMPT then return nil end
  local over = over_backlog(lane)
  if over or not project then return over end
  return over_project(by_project[project] or read_project(project), lane, bytes)
end

-- Counts a task that was accepted, for those behind it in this call.
local function accept(name, lane, bytes)
  if backlog then backlog = backlog + 1 end
  if by_lane[lane] then by_lane[lane] = by_lane[lane] + 1 end
  local project = name and by_project[name]
  if not project then return end
  if is_new_lane(project, lane) then
    project.new_lanes[lane], project.lanes = true, project.lanes + 1
  end
  project.waiting, project.bytes = project.waiting + 1, project.bytes + bytes
  if project.rate then
    project.rate_at = next_rate_at(project)
    project.takes_tokens = true
  end
end

local function forget() by_project, by_lane, backlog = {}, {}, nil end

local function finish()
  for name, project in pairs(by_project) do
    if project.takes_tokens then
      call('HSET', PROJECT .. name, 'rate_at', string.format('%.0f', project.rate_at))
    end
  end
end

return {refusal = refusal, accept = accept, forget = forget, finish = finish}
