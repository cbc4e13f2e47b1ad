-- Sets a project's weight and limits.
--
-- KEYS[1]  the queue
-- ARGV     project, weight, then limits, '' for none: rate (tasks a second), burst, max waiting, max
--          bytes, max in flight, max lanes
-- Result   1
-- Cost     O(log projects). Safe to run again.
local FIELDS = {'weight', 'rate', 'burst', 'max_waiting', 'max_bytes', 'max_in_flight', 'max_lanes'}
local project = ARGV[1]
begin_writing()
projects.know(project)
for i, field in ipairs(FIELDS) do
  if ARGV[i + 1] == '' then
    call('HDEL', PROJECT .. project, field)
  else
    call('HSET', PROJECT .. project, field, ARGV[i + 1])
  end
end
if projects.reopen(project) then wake() end
return 1
