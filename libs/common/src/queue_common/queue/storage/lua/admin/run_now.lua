-- Brings a scheduled task, or a dead letter, to the front of its lane.
--
-- KEYS[1]  the queue
-- ARGV     id, state it must be in (s or d), replacement for the record from its
--          17th byte on (empty: the record is kept), the operation to count it for
-- Result   the state in which it was found ('' for none); changed only if that is the required one
-- Cost     O(log scheduled) or O(log dead)
local id, wanted, replacement = ARGV[1], ARGV[2], ARGV[3]
local task = read_header(id)
if not task then return '' end
if task.state ~= wanted then return task.state end
local lane = task.lane

if wanted == STATE_SCHEDULED then
  call('ZREM', SCHEDULED .. lane, id)
  update_due(lane)
  count('scheduled', -1)
else
  retention.forget_dead(id, lane)
  call('PERSIST', RECORD .. id)
end
-- A dead letter that is run again starts without the crashes that made it poison.
local interrupted = wanted == STATE_DEAD and 0 or task.interrupted
local header = mutable_header(STATE_QUEUED, now, task.attempts, interrupted)
if replacement == '' then
  call('SETRANGE', RECORD .. id, 0, header)
else
  local last_attempt = call('GETRANGE', RECORD .. id, task.last_attempt_at, -1)
  call('SET', RECORD .. id, header .. replacement .. last_attempt)
end
local project = project_of(lane)
if project then
  local before = wanted == STATE_SCHEDULED and task.last_attempt_at or 0
  projects.use(project, wanted == STATE_DEAD and 1 or 0, projects.size_of(id) - before, 0)
end
finish_projects()
count_done(ARGV[4])
push(lane, {id}, true)
wake()
return wanted
