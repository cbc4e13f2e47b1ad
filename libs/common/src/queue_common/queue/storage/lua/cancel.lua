-- Takes a task back: at once where it waits, after its attempt where it is active. An active one's
-- record becomes the compact one at once, for it is not run again.
--
-- KEYS[1]  the queue
-- ARGV     id, how long the record is kept (ms), the payload that stays
-- Result   the state in which it was found ('' for none); only q, s and a are changed
-- Cost     O(log scheduled)
local id, ttl, payload = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local task = read_header(id)
if not task then return '' end
local lane = task.lane
local rest = struct.pack(IMMUTABLE, 'Q', task.digest, #lane, #payload) .. lane .. payload

begin_writing()

local function settle()
  if ttl > 0 then
    call('SET', RECORD .. id, moving(IS_CANCELLED, now, task.attempts, task.interrupted) .. rest)
  end
  keep(id, ttl)
  count('cancelled_total', 1)
  forget_if_empty(lane)
end

-- The entry stays in the lane's list as a ghost, for no list is searched; a lane of ghosts goes.
local function leave_ghost()
  count('queued', -1)
  if call('HINCRBY', GHOSTS, lane, 1) == call('LLEN', WAITING .. lane) then
    call('DEL', WAITING .. lane)
    call('HDEL', GHOSTS, lane)
    leave_places(lane)
  end
end

if task.state == QUEUED then
  leave_ghost()
  settle()
elseif task.state == SUSPECT then
  remove_suspects(lane, {id})
  settle()
elseif task.state == WAITS_DUE then
  call('ZREM', SCHEDULED .. lane, id)
  update_due(lane)
  count('scheduled', -1)
  settle()
elseif task.state == ACTIVE then
  local tail = call('GETRANGE', RECORD .. id, task.tail_at, -1)
  local front = moving(ACTIVE, task.at, task.attempts, task.interrupted, 'x')
  call('SET', RECORD .. id, front .. rest .. tail)
end
return task.state
