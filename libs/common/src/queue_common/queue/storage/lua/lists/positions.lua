-- Stands before the scripts that list: the lanes of a project, and positions in sorted sets.

-- Returns the bounds of a project's lanes for ZRANGEBYLEX. Those of the default project have no prefix:
-- other projects' lanes stand between them.
local function lane_range(project)
  if project == '' or project == DEFAULT_PROJECT then return '-', '+' end
  return '[' .. project .. PROJECT_SEPARATOR, '(' .. project .. ' '
end

local function in_project(lane, project)
  if project == '' then return true end
  if project == DEFAULT_PROJECT then return not string.find(lane, PROJECT_SEPARATOR, 1, true) end
  return string.sub(lane, 1, #project + 1) == project .. PROJECT_SEPARATOR
end

-- Compares by bytes, as Redis sorts; Lua's own < follows the server's locale.
local function is_less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Returns how many members of a sorted set stand before a position, which need not be a member any more.
local function rank_of_position(key, score, id)
  local rank = call('ZRANK', key, id)
  if rank and tonumber(call('ZSCORE', key, id)) == score then return rank, true end
  local low, high = 0, call('ZCARD', key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = call('ZRANGE', key, middle, middle, 'WITHSCORES')
    local its = tonumber(member[2])
    if its < score or (its == score and is_less(member[1], id)) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low, false
end

local function rank_after(key, score, id)
  local rank, is_member = rank_of_position(key, score, id)
  return is_member and rank + 1 or rank
end

-- Returns the sorted set that holds the dead letters of a project or lane, and how many in it stand
-- before a position; all of them if its id is empty. Those of the default project stand among all.
local function dead_before(project, lane, at, id)
  local key = DEAD
  if lane ~= '' then
    key = DEAD_IN_LANE .. lane
  elseif project ~= '' and project ~= DEFAULT_PROJECT then
    key = DEAD_IN_LANE .. project .. PROJECT_SEPARATOR
  end
  return key, id == '' and call('ZCARD', key) or (rank_of_position(key, at, id))
end
