-- Removes a lane's waiting and scheduled tasks, some at a time; active ones are left alone.
--
-- KEYS[1]  the queue
-- ARGV     lane, max tasks a call
-- Result   {tasks removed, 1 if there is more to do}
-- Cost     O(max)
local lane, max = ARGV[1], tonumber(ARGV[2])
local removed, project = 0, project_of(lane)

local function remove(id)
  if project then projects.use(project, -1, -projects.size_of(id), 0) end
  call('DEL', RECORD .. id)
  idempotency.free(id)
end

for _, id in ipairs(call('LPOP', WAITING .. lane, max) or {}) do
  local task = read_header(id)
  if task and task.state == STATE_QUEUED and task.lane == lane then
    remove(id)
    count('queued', -1)
    removed = removed + 1
  elseif call('HINCRBY', TOMBSTONES, lane, -1) <= 0 then
    call('HDEL', TOMBSTONES, lane)
  end
end
if call('EXISTS', WAITING .. lane) == 0 then leave_places(lane) end
if removed < max then
  local due = call('ZPOPMIN', SCHEDULED .. lane, max - removed)
  for i = 1, #due, 2 do remove(due[i]) end
  count('scheduled', -#due / 2)
  removed = removed + #due / 2
  update_due(lane)
end
local suspects = removed < max and call('ZRANGE', SUSPECTED .. lane, 0, max - removed - 1) or {}
if #suspects > 0 then
  for _, id in ipairs(suspects) do remove(id) end
  remove_suspects(lane, suspects)
  removed = removed + #suspects
end
count('purged_total', removed)
forget_if_empty(lane)
finish_projects()
return {removed, call('EXISTS', WAITING .. lane, SCHEDULED .. lane, SUSPECTED .. lane)}
