-- Stands before the scripts that tell what a project has.

-- Returns waiting and scheduled tasks, bytes, active tasks, lanes with tasks, dead letters.
local function use_of(project)
  local kept = call('HMGET', PROJECT .. project, 'tasks', 'bytes', 'in_flight')
  local tasks, bytes, in_flight = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  return {tasks - in_flight, bytes, in_flight, call('ZLEXCOUNT', LANES, projects.lanes_of(project)),
          call('ZCARD', DEAD_IN_LANE .. project .. PROJECT_SEPARATOR)}
end

-- The same of the default project: what all have without the others. Its bytes are not counted.
local function use_of_default(max_others)
  local counts = call('HMGET', COUNTERS, 'queued', 'scheduled', 'active')
  local use = {tonumber(counts[1] or 0) + tonumber(counts[2] or 0), 0, tonumber(counts[3] or 0),
               call('ZCARD', LANES), call('ZCARD', DEAD)}
  for _, project in ipairs(call('ZRANGE', PROJECTS, 0, max_others - 1)) do
    if project ~= DEFAULT_PROJECT then
      for i, number in ipairs(use_of(project)) do use[i] = use[i] - number end
    end
  end
  return use
end

-- Returns the use of any project, nothing below 0: the previous release counts less.
local function read_use(project, max_others)
  local use = project == DEFAULT_PROJECT and use_of_default(max_others) or use_of(project)
  for i, number in ipairs(use) do use[i] = math.max(number, 0) end
  return use
end
