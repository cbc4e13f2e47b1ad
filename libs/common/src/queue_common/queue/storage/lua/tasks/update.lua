-- Replaces a task's payload and keeps its state and last attempt: with a lease, of a task claimed under
-- it; without one, of a task that waits.
--
-- KEYS[1]  the queue
-- ARGV     lease ('' for none), id, payload
-- Result   1 written, 0 the task is elsewhere
-- Cost     O(1)
local lease, id, payload = ARGV[1], ARGV[2], ARGV[3]
local task = read_header(id)
if not task then return 0 end
if lease ~= '' and call('HEXISTS', CLAIMED .. lease, id) == 0 then return 0 end
if lease == '' and task.state ~= STATE_QUEUED and task.state ~= STATE_SCHEDULED then return 0 end
local header = call('GETRANGE', RECORD .. id, 0, MUTABLE_BYTES - 1)
local last_attempt = call('GETRANGE', RECORD .. id, task.last_attempt_at, -1)
call('SET', RECORD .. id, header .. immutable_part(task.digest, task.lane, payload) .. last_attempt)
if project_of(task.lane) then
  projects.use(project_of(task.lane), 0, projects.size_of(id) - task.last_attempt_at, 0)
  finish_projects()
end
return 1
