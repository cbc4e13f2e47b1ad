-- Reads the state of one project.
--
-- KEYS[1]  the queue
-- ARGV     project, max lanes to look at, max other projects, whose tasks are not those of `default`
-- Result   {waiting and scheduled tasks, active, dead, lanes, and of the lanes that were looked at: scheduled
--          tasks, those that are due, ms since the longest waiting task was due (-1: none waits), unhealthy
--          lanes; lanes on trial that wait}
-- Cost     max 5 commands a lane, and 4 a project for `default`. Writes nothing.
local project, max_lanes, max_projects = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local MAX_JUMPS, PAGE = 100, 20
local is_default = project == projects.DEFAULT
local others = is_default and call('ZRANGE', PROJECTS, 0, max_projects - 1) or {}

local function use_of(name)
  local kept = call('HMGET', PROJECT .. name, 'tasks', 'in_flight')
  return {
    tonumber(kept[1] or 0), tonumber(kept[2] or 0),
    call('ZCARD', DEAD_IN_LANE .. name .. PROJECT_SEPARATOR),
    call('ZLEXCOUNT', LANES, projects.lanes_of(name)),
  }
end

-- The default project has what the others leave.
local function use_of_default()
  local counts = call('HMGET', COUNTERS, 'queued', 'scheduled', 'active')
  local active = tonumber(counts[3] or 0)
  local tasks = tonumber(counts[1] or 0) + tonumber(counts[2] or 0) + active
  local use = {tasks, active, call('ZCARD', DEAD), call('ZCARD', LANES)}
  for _, other in ipairs(others) do
    for i, number in ipairs(use_of(other)) do use[i] = math.max(use[i] - number, 0) end
  end
  return use
end

-- Lanes of other projects stand between those of the default one, all of a project together.
local function lanes_of_default()
  local found, from, jumps = {}, '-', 0
  while jumps < MAX_JUMPS do
    local page = call('ZRANGEBYLEX', LANES, from, '+', 'LIMIT', 0, PAGE)
    if #page == 0 then break end
    for _, lane in ipairs(page) do
      local other = project_of(lane)
      from = '(' .. (other and other .. '\32' or lane)
      if other then
        jumps = jumps + 1
        break
      end
      found[#found + 1] = lane
      if #found == max_lanes then return found end
    end
  end
  return found
end

local function lanes_of_project()
  local first, last = projects.lanes_of(project)
  return call('ZRANGEBYLEX', LANES, first, last, 'LIMIT', 0, max_lanes)
end

local use = is_default and use_of_default() or use_of(project)
local scheduled, due, oldest, unhealthy = 0, 0, nil, 0

-- The front of a lane is its oldest task, except for tasks that an operator moved there.
local function look_at(lane)
  local number = call('ZCARD', SCHEDULED .. lane)
  if number > 0 then
    scheduled, due = scheduled + number, due + call('ZCOUNT', SCHEDULED .. lane, '-inf', now)
  end
  local front = call('LINDEX', WAITING .. lane, 0)
  local head = front and redis.pcall('GETRANGE', RECORD .. front, 0, HEADER_BYTES - 1)
  if is_ours(head) and string.sub(head, 1, 1) == STATE_QUEUED then
    local at = struct.unpack('>I8', head, SINCE_AT + 1)
    if not oldest or at < oldest then oldest = at end
  end
end

local lanes = is_default and lanes_of_default() or lanes_of_project()
for _, lane in ipairs(lanes) do look_at(lane) end
if #lanes > 0 then
  for _, health in ipairs(call('HMGET', UNHEALTHY, unpack(lanes))) do
    if health then unhealthy = unhealthy + 1 end
  end
end
return {
  math.max(use[1] - use[2], 0), use[2], use[3], use[4], scheduled, due,
  oldest and math.max(now - oldest, 0) or -1, unhealthy,
  call('ZCARD', is_default and TRIAL or TRIAL_OF .. project),
}
