-- Finds a project's lanes, those in trouble first, or by name.
--
-- KEYS[1]  the queue
-- ARGV     project, order (trouble or name), prefix of the lanes' names, phase and place in it where the
--          last page ended ('' for the first), max lanes
-- Result   {phase to go on in ('' : that was all), place, lanes...}
-- Cost     O(max): max 1,000 lanes are looked at, and max 1,000 other projects are passed over
--
-- Phases: unhealthy lanes, lanes with failures, paused lanes, lanes with tasks by name, lanes with limits.
-- A lane comes in the first one that it is in. The sets are read by SCAN: a lane that is there all the time
-- comes at least once.
local project, order, prefix, phase, place_at, max = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local PHASES = order == 'name' and {'named', 'paused', 'limited'}
  or {'unhealthy', 'failing', 'paused', 'named', 'limited'}
local MAX_LOOKED_AT, SCAN = 1000, 100
local found, looked_at = {}, 0
local is_default = project == DEFAULT_PROJECT
local start = (is_default and '' or project .. '\31') .. prefix

local function is_wanted(lane)
  return string.sub(lane, 1, #start) == start and not (is_default and project_of(lane))
end

-- Each set that a phase lists, and whether a lane is in it.
local sets = {
  unhealthy = {'HSCAN', UNHEALTHY, function(lane) return call('HEXISTS', UNHEALTHY, lane) == 1 end},
  failing = {'HSCAN', FAILING, function(lane) return call('HEXISTS', FAILING, lane) == 1 end},
  paused = {'SSCAN', PAUSED, function(lane) return call('SISMEMBER', PAUSED, lane) == 1 end},
  limited = {'HSCAN', LANE_LIMITS, function() return false end},
  named = {nil, nil, function(lane) return call('ZSCORE', LANES, lane) and true end},
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

-- Returns where to go on, nil at the end.
local function scan(this)
  local command, key = sets[this][1], sets[this][2]
  local cursor = place_at == '' and '0' or place_at
  repeat
    local reply = call(command, key, cursor, 'COUNT', math.min(max, SCAN))
    cursor = reply[1]
    for i = 1, #reply[2], command == 'HSCAN' and 2 or 1 do add(reply[2][i], this) end
  until cursor == '0' or #found >= max or looked_at >= MAX_LOOKED_AT
  return cursor ~= '0' and cursor or nil
end

-- Lanes of other projects stand between those of `default`: each project is passed over at once.
local function by_name()
  local from, last = place_at == '' and '[' .. start or '(' .. place_at, nil
  while #found < max and looked_at < MAX_LOOKED_AT do
    local lanes = call('ZRANGEBYLEX', LANES, from, '+', 'LIMIT', 0, max - #found)
    if not lanes[1] then return nil end
    for _, lane in ipairs(lanes) do
      last = lane
      if string.sub(lane, 1, #start) ~= start then return nil end
      add(lane, 'named')
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

local at = 1
for i, name in ipairs(PHASES) do
  if name == phase then at = i end
end
while at <= #PHASES do
  local this = PHASES[at]
  local next_place = this == 'named' and by_name() or nil
  if this ~= 'named' then next_place = scan(this) end
  if next_place then return {this, next_place, unpack(found)} end
  at, place_at = at + 1, ''
  if PHASES[at] and (#found >= max or looked_at >= MAX_LOOKED_AT) then
    return {PHASES[at], '', unpack(found)}
  end
end
return {'', '', unpack(found)}
