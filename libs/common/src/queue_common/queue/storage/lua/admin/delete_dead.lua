-- Deletes a dead letter.
--
-- KEYS[1]  the queue
-- ARGV     id, the operation to count it for
-- Result   the state in which it was found ('' for none); deleted only if that is d
-- Cost     O(log dead)
local id = ARGV[1]
local task = read_header(id)
if not task then return '' end
if task.state ~= STATE_DEAD then return task.state end
retention.forget_dead(id, task.lane)
call('DEL', RECORD .. id)
count('dead_deleted_total', 1)
count_done(ARGV[2])
return STATE_DEAD
