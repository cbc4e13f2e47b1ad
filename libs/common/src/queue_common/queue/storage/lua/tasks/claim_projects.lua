-- How a claim is shared among projects; a module of claim.lua.
--
-- The project that has had the fewest tasks for its weight is next. A worker gives a project max
-- MAX_PART of its tasks, and of those on trial, whatever the others have to do: a project with
-- destinations that hang leaves room for those that come. If others have tasks to run, it gets its
-- weighted part at the most.
local MAX_PROJECTS, MAX_PART = 16, 0.75

local function places_of(project)
  if project == DEFAULT_PROJECT then return {ring = RING, trial = TRIAL, resting = RESTING} end
  return {ring = RING_OF .. project, trial = TRIAL_OF .. project, resting = RESTING_OF .. project}
end

-- Returns the projects with lanes that may be served: max MAX_PROJECTS from each place, and `default`.
local function find_ready(with_trials)
  local names, seen = {}, {}
  local function add(found)
    for _, name in ipairs(found) do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end
  add(call('ZRANGE', READY, 0, MAX_PROJECTS - 1))
  local has_default = call('EXISTS', RING) == 1
  if with_trials then
    add(call('ZRANGE', READY_TRIAL, 0, MAX_PROJECTS - 1))
    add(call('ZRANGEBYSCORE', READY_RESTING, '-inf', now, 'LIMIT', 0, MAX_PROJECTS))
    has_default = has_default or call('EXISTS', TRIAL) == 1 or call('ZCOUNT', RESTING, '-inf', now) > 0
  end
  if has_default then add({DEFAULT_PROJECT}) end
  return names
end

-- Returns the ready projects, the next in front, and the sum of their weights.
local function read_ready(with_trials)
  local ready, weights = {}, 0
  local others = tonumber(call('HGET', COUNTERS, 'pass') or 0)
  for _, name in ipairs(find_ready(with_trials)) do
    local kept = call('HMGET', PROJECT .. name, 'weight', 'pass', 'in_flight', 'max_in_flight')
    local weight = tonumber(kept[1] or 1)
    weights = weights + weight
    ready[#ready + 1] = {
      name = name, weight = weight, pass = math.max(tonumber(kept[2] or 0), others),
      free = kept[4] and kept[4] - (kept[3] or 0) - projects.newly_in_flight(name) or math.huge,
    }
  end
  table.sort(ready, function(a, b)
    return a.pass < b.pass or (a.pass == b.pass and a.name < b.name)
  end)
  return ready, weights
end

-- Returns how many of `max` tasks a project may have in this worker.
local function part_of(max, part)
  return math.max(math.floor(max * math.min(part, MAX_PART)), 1)
end

local function charge(project, taken)
  local pass = project.pass + taken / project.weight
  call('HSET', PROJECT .. project.name, 'pass', pass)
  call('HSET', COUNTERS, 'pass', project.pass)
  if project.name == DEFAULT_PROJECT then return end
  call('ZADD', READY, 'XX', pass, project.name)
  call('ZADD', READY_TRIAL, 'XX', pass, project.name)
end

-- Gives one project its turn. `worker` is what claim.lua knows: how much the worker may take and holds,
-- and how to serve lanes. Returns how many tasks were taken, and whether that changed anything.
local function serve_project(worker, project, quota, part)
  if project.free <= 0 then
    call('SADD', FULL_PROJECTS, project.name)
    projects.hide(project.name)
    return 0, true
  end
  local held = worker.held[project.name] or {tasks = 0, on_trial = 0}
  worker.held[project.name] = held
  local room = math.min(quota, project.free, part_of(worker.max_tasks, part) - held.tasks)
  local on_trial = math.min(worker.trial_left(), part_of(worker.max_on_trial, part) - held.on_trial)
  if room <= 0 then return 0, false end
  local taken, tried = worker.serve(places_of(project.name), room, math.max(on_trial, 0))
  held.tasks, held.on_trial = held.tasks + taken, held.on_trial + tried
  project.free = project.free - taken
  if taken > 0 then charge(project, taken) end
  if project.name ~= DEFAULT_PROJECT then
    projects.update_ready(project.name)
  end
  return taken, taken > 0
end

-- Gives each ready project one turn. Returns the tasks left, and whether anything changed.
local function serve_round(worker, left, in_parts)
  local ready, weights = read_ready(worker.trial_left() > 0)
  local changed, wanted = false, left
  for _, project in ipairs(ready) do
    if left == 0 or worker.halts() then break end
    local part = project.weight / weights
    local quota = math.min(math.max(math.floor(wanted * part), 1), left)
    local taken, moved = serve_project(worker, project, quota, in_parts and part or 1)
    left, changed = left - taken, changed or moved
  end
  return left, changed
end

-- Returns how many of the wanted tasks are left.
local function claim_by_project(worker, left)
  for _, in_parts in ipairs({true, false}) do
    local changed = true
    while changed and left > 0 and not worker.halts() do
      left, changed = serve_round(worker, left, in_parts)
    end
  end
  return left
end

-- Returns the ms until this worker polls for what projects have left, nil if it need not: tasks that are
-- more than their project's part of this worker are for others.
local function poll_for_projects(trial_left, left, halts)
  local tries = trial_left > 0
  local waits = #find_ready(tries) > 0
  if left == 0 then
    if waits then wake() end
    return nil
  end
  if waits and halts then return 0 end
  if waits or (not tries and #find_ready(true) > 0) then
    if call('ZCARD', WORKERS) == 1 then return nil end
    claim_polling.wake_another_worker()
    return claim_polling.PASS_ON_MS
  end
  local first
  for _, resting in ipairs({RESTING, READY_RESTING}) do
    local head = call('ZRANGE', resting, 0, 0, 'WITHSCORES')
    if head[2] and (not first or tonumber(head[2]) < first) then first = tonumber(head[2]) end
  end
  return first and math.max(first - now, 0)
end

return {places_of = places_of, claim = claim_by_project, poll = poll_for_projects}
