-- Lists dead letters, newest first, from a position on.
--
-- KEYS[1]  the queue
-- ARGV     project ('' for all), lane ('' for all), at and id of the position (an empty id: the newest),
--          max dead letters
-- Result   {1 if there may be more, then per dead letter: when it died, id}
-- Cost     O(page + log dead). Those of the default project are found among those of all projects; the
--          others' have their own set. Writes nothing.
local project, lane, at, id, max = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local key, before = dead_before(project, lane, at, id)
if before == 0 then return {0} end
local page = call('ZRANGE', key, math.max(before - max, 0), before - 1, 'WITHSCORES')
local found = {before > max and 1 or 0}
for i = #page - 1, 1, -2 do
  found[#found + 1] = page[i + 1]
  found[#found + 1] = page[i]
end
return found
