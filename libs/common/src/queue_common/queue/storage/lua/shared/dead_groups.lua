-- Shared by every script, before retention: groups dead letters by lane, and by outcome and status of their
-- last attempt. A module.
--
-- A group's name is these three, a line each. A name that no group of DEAD_GROUPS has left has no keys.
local ATTEMPT_BYTES = 1024

-- Returns outcome, status (0 if there is none) and error of a record's last attempt, which is an array:
-- number, start, duration, outcome, status, error and more.
local function last_attempt(id, offset)
  local packed = call('GETRANGE', RECORD .. id, offset, offset + ATTEMPT_BYTES - 1)
  if #packed < 3 then return '', 0, '' end
  local length = struct.unpack('>I2', packed)
  if length + 2 > #packed then packed = call('GETRANGE', RECORD .. id, offset, offset + length + 1) end
  local is_read, attempt = pcall(cmsgpack.unpack, string.sub(packed, 3, length + 2))
  if not is_read or type(attempt) ~= 'table' then return '', 0, '' end
  return tostring(attempt[4] or ''), tonumber(attempt[5]) or 0, tostring(attempt[6] or '')
end

-- Returns lane, outcome and status of a group.
local function split(group)
  return string.match(group, '^(.*)\n(.-)\n(%d+)$')
end

-- Returns the key of the groups of all projects ('' and ''), of a project or of a lane.
local function groups_of(project, lane)
  if lane ~= '' then return DEAD_GROUPS .. lane end
  return DEAD_GROUPS .. (project == '' and '' or project .. PROJECT_SEPARATOR)
end

-- Writes how many dead letters a group has now.
local function recount(group)
  local lane, number = split(group), call('ZCARD', DEAD_GROUP .. group)
  local project = project_of(lane) or DEFAULT_PROJECT
  for _, key in ipairs({groups_of('', ''), groups_of(project, ''), groups_of('', lane)}) do
    if number == 0 then call('ZREM', key, group) else call('ZADD', key, number, group) end
  end
end

local function remove(id)
  local group = call('HGET', DEAD_GROUP_OF, id)
  if not group then return end
  call('HDEL', DEAD_GROUP_OF, id)
  call('ZREM', DEAD_GROUP .. group, id)
  recount(group)
end

-- Adds a dead letter that died at a time; one that cannot be read stands in no lane.
local function add(id, died_at)
  remove(id)
  local task = read_header(id)
  local lane, outcome, status = '', '', 0
  if task then
    lane = task.lane
    outcome, status = last_attempt(id, task.last_attempt_at)
  end
  local group = table.concat({lane, outcome, status}, '\n')
  call('HSET', DEAD_GROUP_OF, id, group)
  call('ZADD', DEAD_GROUP .. group, died_at, id)
  recount(group)
end

return {add = add, remove = remove, split = split, groups_of = groups_of, last_attempt = last_attempt}
