-- Cancels a task: at once if it waits, after its attempt if it is active. The record of an active one
-- becomes the compact one at once, because the task is not run again.
--
-- KEYS[1]  the queue
-- ARGV     id, how long the record is kept (ms), the payload that stays, the operation to count it for
-- Result   the state in which it was found ('' for none); only q, s and a are changed
-- Cost     O(log scheduled)
local id, ttl, payload = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local task = read_header(id)
if not task then return '' end
local lane, project = task.lane, project_of(task.lane)
local replacement = immutable_part(task.digest, lane, payload)

begin_writing()

local function settle()
  if ttl > 0 then
    call('SET', RECORD .. id, mutable_header(STATE_CANCELLED, now, task.attempts, task.interrupted) .. replacement)
  end
  retention.keep(id, ttl)
  idempotency.free(id)
  count('cancelled_total', 1)
  if project then projects.use(project, -1, -task.last_attempt_at, 0) end
  forget_if_empty(lane)
end

-- The entry stays in the lane's list as a tombstone, because a search of the list is O(n). A list that
-- holds only tombstones is deleted.
local function leave_tombstone()
  count('queued', -1)
  if call('HINCRBY', TOMBSTONES, lane, 1) == call('LLEN', WAITING .. lane) then
    call('DEL', WAITING .. lane)
    call('HDEL', TOMBSTONES, lane)
    leave_places(lane)
  end
end

local changes = task.state == STATE_QUEUED or task.state == STATE_SUSPECT or task.state == STATE_SCHEDULED
  or (task.state == STATE_ACTIVE and not task.cancelled)
if changes then count_done(ARGV[4]) end

if task.state == STATE_QUEUED then
  leave_tombstone()
  settle()
elseif task.state == STATE_SUSPECT then
  remove_suspects(lane, {id})
  settle()
elseif task.state == STATE_SCHEDULED then
  call('ZREM', SCHEDULED .. lane, id)
  update_due(lane)
  count('scheduled', -1)
  settle()
elseif task.state == STATE_ACTIVE then
  local last_attempt = call('GETRANGE', RECORD .. id, task.last_attempt_at, -1)
  local header = mutable_header(STATE_ACTIVE, task.at, task.attempts, task.interrupted, CANCEL_REQUESTED)
  call('SET', RECORD .. id, header .. replacement .. last_attempt)
  if project then
    projects.use(project, 0, MUTABLE_BYTES + #replacement - task.last_attempt_at, 0)
  end
end
finish_projects()
return task.state
