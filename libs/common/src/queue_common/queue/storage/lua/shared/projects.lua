-- Shared by every script, before lanes.lua: the projects of lanes, their turns and their use.
-- A module: what it returns is `projects`.
--
-- Work is shared among projects first, among the lanes of each second. A lane's name begins with its
-- project and PROJECT_SEPARATOR; lanes of `default` have no such prefix, and cost nothing here.
--
-- PROJECT holds of each project:
--   weight             how many tasks it gets in a turn, beside those of others (1 if missing)
--   pass               the tasks that it got, divided by its weight: the project with the least is next
--   tasks, bytes       its waiting, scheduled and active tasks; bytes of their records without attempts
--   in_flight          its active tasks
--   max_*, rate, burst its limits; missing: none
local MAX_WALK = 20000

-- Returns the first and last lane that a project can have, for ZRANGEBYLEX.
local function lanes_of(project)
  return '[' .. project .. PROJECT_SEPARATOR, '(' .. project .. '\32'
end

local moves, lane_gone = {}, {}

-- Adds to a project's use; finish_projects writes it.
local function use(project, tasks, bytes, in_flight)
  local move = moves[project]
  if not move then
    move = {tasks = 0, bytes = 0, in_flight = 0}
    moves[project] = move
  end
  move.tasks = move.tasks + tasks
  move.bytes = move.bytes + bytes
  move.in_flight = move.in_flight + in_flight
end

-- Returns how many more tasks of a project are in flight than its PROJECT says yet.
local function newly_in_flight(project)
  return moves[project] and moves[project].in_flight or 0
end

-- Returns the bytes of a task's record without its attempts, as they count for its project.
local function size_of(id)
  local head = redis.pcall('GETRANGE', RECORD .. id, 0, HEADER_BYTES - 1)
  if not is_ours(head) then return 0 end
  local lane_bytes, payload_bytes = struct.unpack('>I2I4', head, LANE_BYTES_AT + 1)
  return HEADER_BYTES + lane_bytes + payload_bytes
end

-- Makes a project known: it is listed, and claims look for it from now on.
local function know_project(project)
  if call('HSETNX', PROJECT .. project, 'known', 1) == 1 then
    call('ZADD', PROJECTS, 0, project)
    call('HSET', COUNTERS, 'projects', call('ZCARD', PROJECTS))
  end
end

-- Puts a project among those that may be served. A project that had nothing to do gets no turns for it:
-- it starts where the others are.
local function show(project, ready, score)
  if call('SISMEMBER', FULL_PROJECTS, project) == 1 then return end
  if ready == READY_RESTING then return call('ZADD', READY_RESTING, 'LT', score, project) end
  local pass = tonumber(call('HGET', PROJECT .. project, 'pass') or 0)
  local others = tonumber(call('HGET', COUNTERS, 'pass') or 0)
  call('ZADD', ready, 'NX', math.max(pass, others), project)
end

local function hide(project)
  call('ZREM', READY, project)
  call('ZREM', READY_TRIAL, project)
  call('ZREM', READY_RESTING, project)
end

-- Brings the project's places among the others up to date.
local function update_ready(project)
  local full = call('SISMEMBER', FULL_PROJECTS, project) == 1
  if full then return hide(project) end
  for ready, ring in pairs({[READY] = RING_OF, [READY_TRIAL] = TRIAL_OF}) do
    if call('EXISTS', ring .. project) == 1 then show(project, ready) else call('ZREM', ready, project) end
  end
  local head = call('ZRANGE', RESTING_OF .. project, 0, 0, 'WITHSCORES')
  if head[1] then
    call('ZADD', READY_RESTING, head[2], project)
  else
    call('ZREM', READY_RESTING, project)
  end
end

-- Lets a project at its limit of requests in flight be served again. Returns true if it was at it.
local function reopen(project)
  if call('SREM', FULL_PROJECTS, project) == 0 then return false end
  update_ready(project)
  return true
end

-- Counts a project's active tasks anew. The previous release counts none, so a project could stay at its
-- limit. Returns the number.
local function recount_in_flight(project)
  local found, kept = 0, tonumber(call('HGET', PROJECT .. project, 'in_flight') or 0)
  if call('HLEN', IN_FLIGHT) > MAX_WALK then return kept end
  local lanes = call('HGETALL', IN_FLIGHT)
  for i = 1, #lanes, 2 do
    if project_of(lanes[i]) == project then found = found + tonumber(lanes[i + 1]) end
  end
  if found ~= kept then call('HSET', PROJECT .. project, 'in_flight', found) end
  return found
end

-- A project without lanes has no tasks. What the previous release did not count ends here.
local function forget_use(project)
  local first, last = lanes_of(project)
  if call('ZLEXCOUNT', LANES, first, last) == 0 then
    call('HDEL', PROJECT .. project, 'tasks', 'bytes', 'in_flight')
  end
end

-- Writes what the script added to the projects' use; see finish_projects.
local function end_projects()
  local opened = false
  for project, move in pairs(moves) do
    if move.tasks > 0 then know_project(project) end
    for field, by in pairs(move) do
      if by ~= 0 then call('HINCRBY', PROJECT .. project, field, by) end
    end
    if lane_gone[project] then forget_use(project) end
    if move.in_flight < 0 then opened = reopen(project) or opened end
  end
  return opened
end

return {
  lanes_of = lanes_of, use = use, size_of = size_of,
  know = know_project, show = show, hide = hide, update_ready = update_ready, reopen = reopen,
  recount_in_flight = recount_in_flight, lane_gone = lane_gone, finish = end_projects,
  newly_in_flight = newly_in_flight,
}
