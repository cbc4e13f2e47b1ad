-- Finds a project's lanes, those in trouble first, or by name.
--
-- KEYS[1]  the queue
-- ARGV     project, order (trouble or name), prefix of the lanes' names, phase and place in it where the
--          last page ended ('' for the first), max lanes
-- Result   {phase to go on in ('' : that was all), place, lanes...}
-- Cost     O(max): max 1,000 lanes are looked at, and max 1,000 other projects are passed over. Writes
--          nothing but that a lane is no longer in trouble, or no longer paused or limited.
--
-- Phases: unhealthy lanes; lanes whose recent attempts failed, those with the largest share first; lanes
-- that do not respond; paused lanes; lanes with tasks, limits or a pause by name; lanes that the previous
-- release has paused or limited, of which LANES_SET knows nothing. A lane comes in the first one that it is
-- in. Hashes and sets are read by SCAN: a lane that is there all the time comes at least once.
-- The modules positions and recent stand before this file.
local project, order, prefix, phase, place_at, max = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local PHASES = order == 'name' and {'named', 'paused', 'limited'}
  or {'unhealthy', 'troubled', 'failing', 'paused', 'named', 'limited'}
local MAX_LOOKED_AT, SCAN = 1000, 100
local found, looked_at = {}, 0
local is_default = project == DEFAULT_PROJECT
local start = (is_default and '' or project .. '\31') .. prefix

local function is_wanted(lane)
  return string.sub(lane, 1, #start) == start and not (is_default and project_of(lane))
end

local function is_paused(lane) return call('SISMEMBER', PAUSED, lane) == 1 end
local function is_limited(lane) return call('HEXISTS', LANE_LIMITS, lane) == 1 end
local function has_failed(lane) return select(2, recent.of(lane)) > 0 end

-- Each set that a phase lists, and whether a lane is in it.
local sets = {
  unhealthy = {'HSCAN', UNHEALTHY, function(lane) return call('HEXISTS', UNHEALTHY, lane) == 1 end},
  troubled = {nil, nil, function(lane) return call('ZSCORE', LANE_TROUBLE, lane) and has_failed(lane) end},
  failing = {'HSCAN', FAILING, function(lane) return call('HEXISTS', FAILING, lane) == 1 end},
  paused = {'SSCAN', PAUSED, is_paused},
  limited = {'HSCAN', LANE_LIMITS, function() return false end},
  named = {nil, nil, function(lane) return call('ZSCORE', LANES, lane) or call('ZSCORE', LANES_SET, lane) end},
}

local function came_before(lane, this)
  for _, name in ipairs(PHASES) do
    if name == this then return false end
    if sets[name][3](lane) then return true end
  end
end

local function add(lane, this)
  looked_at = looked_at + 1
  if is_wanted(lane) and not came_before(lane, this) then found[#found + 1] = lane end
end

local function is_full() return #found >= max or looked_at >= MAX_LOOKED_AT end

-- Returns where to go on, nil at the end.
local function scan(this)
  local command, key = sets[this][1], sets[this][2]
  local cursor = place_at == '' and '0' or place_at
  repeat
    local reply = call(command, key, cursor, 'COUNT', math.min(max, SCAN))
    cursor = reply[1]
    for i = 1, #reply[2], command == 'HSCAN' and 2 or 1 do add(reply[2][i], this) end
  until cursor == '0' or is_full()
  return cursor ~= '0' and cursor or nil
end

-- A place is a share and a lane. One whose share changes between two pages may come twice or not at all.
local function by_share()
  local share, lane = string.match(place_at, '^(%d+) (.*)$')
  local before = share and rank_of_position(LANE_TROUBLE, tonumber(share), lane) or call('ZCARD', LANE_TROUBLE)
  local calmed = {}
  while before > 0 and not is_full() do
    local page = call('ZRANGE', LANE_TROUBLE, math.max(before - max, 0), before - 1, 'WITHSCORES')
    for i = #page - 1, 1, -2 do
      if is_full() then break end
      before, share, lane = before - 1, page[i + 1], page[i]
      if has_failed(lane) then
        add(lane, 'troubled')
      else
        calmed[#calmed + 1] = lane
        looked_at = looked_at + 1
      end
    end
  end
  for _, calm in ipairs(calmed) do call('ZREM', LANE_TROUBLE, calm) end
  return before > 0 and share .. ' ' .. lane or nil
end

-- Returns the next lanes with tasks, limits or a pause.
local function next_named(from, number)
  local all, merged, has = call('ZRANGEBYLEX', LANES, from, '+', 'LIMIT', 0, number), {}, {}
  for _, lane in ipairs(call('ZRANGEBYLEX', LANES_SET, from, '+', 'LIMIT', 0, number)) do all[#all + 1] = lane end
  table.sort(all, is_less)
  for _, lane in ipairs(all) do
    if not has[lane] and #merged < number then merged[#merged + 1] = lane end
    has[lane] = true
  end
  return merged
end

local function add_named(lane)
  if call('ZSCORE', LANES, lane) or is_paused(lane) or is_limited(lane) then return add(lane, 'named') end
  call('ZREM', LANES_SET, lane) -- the previous release has resumed it
  looked_at = looked_at + 1
end

-- Lanes of other projects stand between those of `default`: each project is passed over at once.
local function by_name()
  local from, last = place_at == '' and '[' .. start or '(' .. place_at, nil
  while not is_full() do
    local lanes = next_named(from, max - #found)
    if not lanes[1] then return nil end
    for _, lane in ipairs(lanes) do
      last = lane
      if string.sub(lane, 1, #start) ~= start then return nil end
      add_named(lane)
      local other = is_default and project_of(lane)
      if other then
        last = other .. '\32'
        break
      end
    end
    from = '(' .. last
  end
  return last
end

local readers = {named = by_name, troubled = by_share}
local at = 1
for i, name in ipairs(PHASES) do
  if name == phase then at = i end
end
while at <= #PHASES do
  local this = PHASES[at]
  local next_place = (readers[this] or scan)(this)
  if next_place then return {this, next_place, unpack(found)} end
  at, place_at = at + 1, ''
  if PHASES[at] and is_full() then return {PHASES[at], '', unpack(found)} end
end
return {'', '', unpack(found)}
