-- Removes a project's settings, if it has no tasks.
--
-- KEYS[1]  the queue
-- ARGV     project
-- Result   1 removed, 0 it is not known, -1 it has lanes
-- Cost     O(log lanes)
local project = ARGV[1]
if not call('ZSCORE', PROJECTS, project) then return 0 end
if call('ZLEXCOUNT', LANES, projects.lanes_of(project)) > 0 then return -1 end
call('DEL', PROJECT .. project)
call('ZREM', PROJECTS, project)
call('SREM', FULL_PROJECTS, project)
projects.hide(project)
if call('EXISTS', PROJECTS) == 0 then
  call('HDEL', COUNTERS, 'projects', 'pass')
end
return 1
