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

local function read(project)
  local row = {project}
  local kept = call('HMGET', PROJECT .. project, unpack(FIELDS))
  for i = 1, #FIELDS do row[#row + 1] = kept[i] or (i == 1 and '1' or '') end
  local use = read_use(project, MAX_OTHERS)
  for i = 1, 4 do row[#row + 1] = use[i] end
  return row
end

local names = {}
if only ~= '' then
  if only == DEFAULT_PROJECT or call('ZSCORE', PROJECTS, only) then names = {only} end
else
  names = call('ZRANGEBYLEX', PROJECTS, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, max)
end
local rows = {}
for i, name in ipairs(names) do rows[i] = read(name) end
return rows
