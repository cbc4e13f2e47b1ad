-- Lists waiting or scheduled tasks, lane after lane in lexical order, from a position on.
--
-- KEYS[1]  the queue
-- ARGV     state: queued (in the order of their turn) or scheduled (in the order of their due time),
--          project ('' for all), place, lane, at and id of the position (an empty id: the lane's first
--          task; an empty lane: the project's first), max tasks, 1 to stay in that lane
-- Result   {1 if there may be more, the lane to go on in if the page is not full, then per task:
--          place, lane, at, id}
--          place  one of PLACE_*, which says what at is: an index or a score
-- Cost     O(page + log n), and at most 200 lanes a call. In a lane's list a task is looked for around
--          its last index. Writes nothing.
local state, project = ARGV[1], ARGV[2]
local place, lane, at, id = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local max, stay = tonumber(ARGV[7]), ARGV[8] == '1'
local MAX_LANES = 200
local PLACE_LIST, PLACE_SUSPECTS, PLACE_SCHEDULED = 'l', 'u', 's'
local found = {}

-- How far from its last index a task is looked for: near first. A task moves by what was claimed or put
-- in front since.
local WINDOWS = {{500, 100}, {5000, 1000}}
local MAX_INDEX = 100000

-- Returns the index behind the position in a lane's list. If its task has been claimed since, all before
-- it have been too: what is left follows it.
local function index_after(key)
  for _, window in ipairs(WINDOWS) do
    local from = math.max(at - window[1], 0)
    for i, other in ipairs(call('LRANGE', key, from, at + window[2])) do
      if other == id then return from + i end
    end
  end
  if state_of(id) ~= STATE_QUEUED then return 0 end
  local index = call('LPOS', key, id, 'MAXLEN', MAX_INDEX)
  return index and index + 1 or at + 1
end

local function add(kind, position, task)
  local n = #found
  found[n + 1], found[n + 2], found[n + 3], found[n + 4] = kind, lane, position, task
end

local function room() return max - #found / 4 end

local function add_scores(kind, key, from)
  local page = call('ZRANGE', key, from, from + room() - 1, 'WITHSCORES')
  for i = 1, #page, 2 do add(kind, page[i + 1], page[i]) end
end

local function add_scheduled()
  local key = SCHEDULED .. lane
  add_scores(PLACE_SCHEDULED, key, id == '' and 0 or rank_after(key, at, id))
end

-- A lane's suspects follow its list.
local function add_queued()
  if place ~= PLACE_SUSPECTS or id == '' then
    local key = WAITING .. lane
    local from = id == '' and 0 or index_after(key)
    for i, task in ipairs(call('LRANGE', key, from, from + room() - 1)) do
      add(PLACE_LIST, from + i - 1, task)
    end
    place, id = PLACE_LIST, ''
  end
  if room() > 0 then
    local key = SUSPECTED .. lane
    add_scores(PLACE_SUSPECTS, key, id == '' and 0 or rank_after(key, at, id))
  end
end

local function next_lanes(from)
  local first, last = lane_range(project)
  if from ~= '' then first = '[' .. from end
  return call('ZRANGEBYLEX', LANES, first, last, 'LIMIT', 0, MAX_LANES)
end

local looked, lanes, n = 0, stay and {lane} or next_lanes(lane), 1
while lanes[n] and looked < MAX_LANES do
  looked = looked + 1
  if lanes[n] ~= lane then lane, place, id = lanes[n], '', '' end
  if not in_project(lane, project) then
    -- The lanes of another project stand between those of the default one.
    lanes, n = next_lanes(string.match(lane, '^(.-)\31') .. ' '), 0
  elseif state == STATE_SCHEDULED then
    add_scheduled()
  else
    add_queued()
  end
  if room() <= 0 then return {1, lane, unpack(found)} end
  place, id = '', ''
  n = n + 1
  if not lanes[n] and n > MAX_LANES then break end
end
local more = not stay and (lanes[n] ~= nil or n > MAX_LANES)
-- A name sorts directly before itself with a zero byte behind it.
return {more and 1 or 0, more and (lanes[n] or lane .. '\0') or '', unpack(found)}
