-- Reads the state of the whole queue.
--
-- KEYS[1]  the queue
-- ARGV     max lanes to search for due tasks, and projects for lanes on trial, max projects to tell, max
--          paused lanes and max throttled ones to look at, then names of counters
-- Result   {waiting, scheduled, active, dead, live workers, scheduled tasks that are due, ms since
--           the first of them was due, what keep_stats stored ('' for nothing), unhealthy lanes,
--           lanes on trial that wait, lanes without a token, paused lanes, tasks in the outbox, held tasks,
--           projects by name ({name, waiting, active} each), then the counters}
-- Cost     O(log n) a lane with due tasks and a project with lanes on trial, of max ARGV[1]; 1 command a
--          project; 2 a lane that is looked at for held tasks; else O(log workers). Writes nothing.
--
-- Held tasks are waiting and due ones that no worker may start: those of paused lanes, all if the queue is
-- paused, and those of lanes without a token. Of such a lane one task is not held from a minute before its
-- next token: without a worker nobody would see that it has one.
local TOKEN_SOON_MS = 60000
local counts = call('HMGET', COUNTERS, 'queued', 'scheduled', 'active')
local lanes = call('ZRANGEBYSCORE', DUE, '-inf', now, 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[1]))
local due, late = 0, 0
for i = 1, #lanes, 2 do due = due + call('ZCOUNT', SCHEDULED .. lanes[i], '-inf', now) end
local trial = call('ZCARD', TRIAL)
for _, project in ipairs(call('ZRANGE', READY_TRIAL, 0, tonumber(ARGV[1]) - 1)) do
  trial = trial + call('ZCARD', TRIAL_OF .. project)
end
if due > 0 then late = now - tonumber(lanes[2]) end

local any_suspects = call('EXISTS', SUSPECT_LANES) == 1
local function waiting_in(lane)
  local waiting = call('LLEN', WAITING .. lane) - tonumber(call('HGET', TOMBSTONES, lane) or 0)
  return any_suspects and waiting + call('ZCARD', SUSPECTED .. lane) or waiting
end

local function count_held(max)
  if call('HEXISTS', COUNTERS, 'paused') == 1 then return tonumber(counts[1] or 0) + due end
  local held = 0
  local paused = call('SSCAN', PAUSED, 0, 'COUNT', max)[2]
  for i = 1, math.min(#paused, max) do
    held = held + waiting_in(paused[i]) + call('ZCOUNT', SCHEDULED .. paused[i], '-inf', now)
  end
  local throttled = call('ZRANGE', THROTTLED, 0, max - 1, 'WITHSCORES')
  for i = 1, #throttled, 2 do
    local startable = tonumber(throttled[i + 1]) <= now + TOKEN_SOON_MS and 1 or 0
    held = held + math.max(waiting_in(throttled[i]) - startable, 0)
  end
  return held
end

local told = {}
for i, project in ipairs(call('ZRANGE', PROJECTS, 0, tonumber(ARGV[2]) - 1)) do
  local kept = call('HMGET', PROJECT .. project, 'tasks', 'in_flight')
  local tasks, active = tonumber(kept[1] or 0), tonumber(kept[2] or 0)
  told[i] = {project, tasks - active, active}
end
local reply = {
  tonumber(counts[1] or 0), tonumber(counts[2] or 0), tonumber(counts[3] or 0),
  call('ZCARD', DEAD), math.max(call('ZCOUNT', WORKERS, '(' .. now, '+inf') - call('HLEN', LISTENERS), 0), due, late,
  call('GET', STATS) or '', call('HLEN', UNHEALTHY), trial,
  call('ZCARD', THROTTLED), call('SCARD', PAUSED), call('LLEN', OUTBOX), count_held(tonumber(ARGV[3])), told
}
for _, value in ipairs(call('HMGET', COUNTERS, unpack(ARGV, 4))) do
  reply[#reply + 1] = tonumber(value or 0)
end
return reply
