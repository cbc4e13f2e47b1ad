-- Brings a scheduled task, or a dead letter, to the front of its lane.
--
-- KEYS[1]  the queue
-- ARGV     id, state it must be in (s or d), what takes the place of the record from its 17th byte
--          on (empty: kept)
-- Result   the state in which it was found ('' for none); changed only where that is the one asked
-- Cost     O(log scheduled) or O(log dead)
local id, asked, rest = ARGV[1], ARGV[2], ARGV[3]
local task = read_header(id)
if not task then return '' end
if task.state ~= asked then return task.state end
local lane = task.lane

if asked == WAITS_DUE then
  call('ZREM', SCHEDULED .. lane, id)
  update_due(lane)
  count('scheduled', -1)
else
  forget_dead(id, lane)
  call('PERSIST', RECORD .. id)
end
-- The crashes that made a task poison are forgiven with the order to run it.
local interrupted = asked == IS_DEAD and 0 or task.interrupted
local front = moving(QUEUED, now, task.attempts, interrupted)
if rest == '' then
  call('SETRANGE', RECORD .. id, 0, front)
else
  local tail = call('GETRANGE', RECORD .. id, task.tail_at, -1)
  call('SET', RECORD .. id, front .. rest .. tail)
end
push(lane, {id}, true)
wake()
return asked
