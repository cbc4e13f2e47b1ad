-- Reads projects in the order of their names.
--
-- KEYS[1]  the queue
-- ARGV     name after which to begin, max projects, name of the only one to read ('' for a page)
-- Result   per project: {name, weight, rate, burst, max waiting, max bytes, max in flight, max lanes
--          ('' for none), waiting, bytes, in flight, lanes}
-- Cost     O(log lanes) a project; if `default` is read, also for 1,000 others. Writes nothing.
local after, max, only = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local MAX_OTHERS = 1000
local FIELDS = {'weight', 'rate', 'burst', 'max_waiting', 'max_bytes', 'max_in_flight', 'max_lanes'}

local function use_of(project)
  local kept = call('HMGET', PROJECT .. project, 'tasks', 'bytes', 'in_flight')
  local tasks, bytes, in_flight = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  return {tasks - in_flight, bytes, in_flight, call('ZLEXCOUNT', LANES, projects.lanes_of(project))}
end

-- What all projects have, without the others.
local function use_of_default()
  local counts = call('HMGET', COUNTERS, 'queued', 'scheduled', 'active')
  local use = {tonumber(counts[1] or 0) + tonumber(counts[2] or 0), 0, tonumber(counts[3] or 0),
               call('ZCARD', LANES)}
  for _, project in ipairs(call('ZRANGE', PROJECTS, 0, MAX_OTHERS - 1)) do
    if project ~= projects.DEFAULT then
      local other = use_of(project)
      for i = 1, 4 do use[i] = use[i] - other[i] end
    end
  end
  return use
end

local function read(project)
  local row = {project}
  local kept = call('HMGET', PROJECT .. project, unpack(FIELDS))
  for i = 1, #FIELDS do row[#row + 1] = kept[i] or (i == 1 and '1' or '') end
  local use = project == projects.DEFAULT and use_of_default() or use_of(project)
  for i = 1, 4 do row[#row + 1] = math.max(use[i], 0) end
  return row
end

local names = {}
if only ~= '' then
  if only == projects.DEFAULT or call('ZSCORE', PROJECTS, only) then names = {only} end
else
  names = call('ZRANGEBYLEX', PROJECTS, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, max)
end
local rows = {}
for i, name in ipairs(names) do rows[i] = read(name) end
return rows
