-- Deletes a dead letter.
--
-- KEYS[1]  the queue
-- ARGV     id, key of a hash in which a deletion is counted as 'done' ('' for none)
-- Result   the state in which it was found ('' for none); deleted only if that is d
-- Cost     O(log dead)
local id, counts = ARGV[1], ARGV[2]
local task = read_header(id)
if not task then return '' end
if task.state ~= STATE_DEAD then return task.state end
forget_dead(id, task.lane)
call('DEL', RECORD .. id)
count('dead_deleted_total', 1)
if counts ~= '' then call('HINCRBY', counts, 'done', 1) end
return STATE_DEAD
