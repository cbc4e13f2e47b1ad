-- Shared by every script, after lanes.lua: suspects.
--
-- A suspect is a task under which workers died at least twice in a row. It waits outside its lane's
-- list, in SUSPECTED, and blocks no other task. The more workers died, the fewer suspects a worker holds
-- together: an eighth of its tasks, an eighth of that, and so on. If that comes to one, the task runs
-- alone in a worker. Only a task that was alone in a worker that died is poison.
local SUSPECT_AT, DIVIDED_BY = 2, 8

-- Makes a task that is in no other place wait as a suspect.
local function suspect(lane, id, interrupted)
  call('ZADD', SUSPECTED .. lane, interrupted, id)
  call('ZADD', SUSPECT_LANES, 'NX', now_us, lane)
  now_us = now_us + 1
  call('ZADD', LANES, 0, lane)
  count('queued', 1)
  count('suspects', 1)
end

local function remove_suspects(lane, ids)
  call('ZREM', SUSPECTED .. lane, unpack(ids))
  if call('EXISTS', SUSPECTED .. lane) == 0 then call('ZREM', SUSPECT_LANES, lane) end
  count('queued', -#ids)
  count('suspects', -#ids)
end

-- How many suspects a worker may hold together, of max tasks in all.
local function group_of(interrupted, max)
  return math.floor(max / DIVIDED_BY ^ (interrupted - 1))
end
