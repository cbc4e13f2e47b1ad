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
local is_default = project == DEFAULT_PROJECT

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

local use = read_use(project, max_projects)
local scheduled, due, oldest, unhealthy = 0, 0, nil, 0

-- The front of a lane is its oldest task, except for tasks that an operator moved there.
local function look_at(lane)
  local number = call('ZCARD', SCHEDULED .. lane)
  if number > 0 then
    scheduled, due = scheduled + number, due + call('ZCOUNT', SCHEDULED .. lane, '-inf', now)
  end
  local front = call('LINDEX', WAITING .. lane, 0)
  local at = front and waiting_since(front)
  if at and (not oldest or at < oldest) then oldest = at end
end

local lanes = is_default and lanes_of_default() or lanes_of_project()
for _, lane in ipairs(lanes) do look_at(lane) end
if #lanes > 0 then
  for _, health in ipairs(call('HMGET', UNHEALTHY, unpack(lanes))) do
    if health then unhealthy = unhealthy + 1 end
  end
end
return {
  use[1], use[3], use[5], use[4], scheduled, due,
  oldest and math.max(now - oldest, 0) or -1, unhealthy,
  call('ZCARD', is_default and TRIAL or TRIAL_OF .. project),
}
