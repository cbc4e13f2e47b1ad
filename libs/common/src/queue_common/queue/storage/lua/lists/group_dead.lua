-- Groups dead letters by lane, outcome and status of their last attempt, newest first, from a position
-- on.
--
-- KEYS[1]  the queue
-- ARGV     project ('' for all), lane ('' for all), at and id of the position (an empty id: the newest),
--          max dead letters to look at
-- Result   {1 if there may be more, dead letters looked at, at and id of the last one, then per group:
--          lane, outcome, status (0 if there is none), number, died first, died last, id of the newest,
--          its error}
-- Cost     O(dead letters looked at): 3 commands each. Writes nothing.
local project, lane, at, id, max = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local ATTEMPT_BYTES = 1024
local key, before = dead_before(project, lane, at, id)
local page = before > 0 and call('ZRANGE', key, math.max(before - max, 0), before - 1, 'WITHSCORES') or {}

-- Returns outcome, status and error of a record's last attempt (an array: number, start, duration,
-- outcome, status, error and more).
local function last_attempt(task_id, offset)
  local packed = call('GETRANGE', RECORD .. task_id, offset, offset + ATTEMPT_BYTES - 1)
  if #packed < 3 then return '', 0, '' end
  local length = struct.unpack('>I2', packed)
  if length + 2 > #packed then
    packed = call('GETRANGE', RECORD .. task_id, offset, offset + length + 1)
  end
  local is_read, attempt = pcall(cmsgpack.unpack, string.sub(packed, 3, length + 2))
  if not is_read or type(attempt) ~= 'table' then return '', 0, '' end
  return tostring(attempt[4] or ''), tonumber(attempt[5]) or 0, tostring(attempt[6] or '')
end

local groups, order = {}, {}

local function add(task_id, died_at)
  local task = read_header(task_id)
  if not task or task.state ~= STATE_DEAD or not in_project(task.lane, project) then return end
  local outcome, status, error = last_attempt(task_id, task.last_attempt_at)
  local name = task.lane .. '\n' .. outcome .. '\n' .. status
  local group = groups[name]
  if not group then
    group = {task.lane, outcome, status, 0, died_at, died_at, task_id, error}
    groups[name] = group
    order[#order + 1] = group
  end
  group[4] = group[4] + 1
  group[5] = died_at
end

for i = #page - 1, 1, -2 do add(page[i], page[i + 1]) end
local reply = {before > max and 1 or 0, #page / 2, page[2] or '0', page[1] or ''}
for _, group in ipairs(order) do
  for _, value in ipairs(group) do reply[#reply + 1] = value end
end
return reply
