-- Releases the tasks of ended leases, some at a time.
--
-- KEYS[1]  the queue
-- ARGV     max tasks a call, interruptions after which a task that was alone is poison, the last attempt
--          of a poisoned task, how long a cancelled task's record and a dead letter are kept (ms)
-- Result   {leases found ended, tasks released, tasks dead as poison, 1 if there is more to do}
-- Cost     O(1) a task, 4 commands each. Several may run at once, and any may stop half way.
--          The module listened stands before this file.
local max, poison_at, poison_attempt = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local result_ttl, dead_ttl = tonumber(ARGV[4]), tonumber(ARGV[5])

local ended = call('ZRANGEBYSCORE', WORKERS, '-inf', now, 'LIMIT', 0, 10)
for _, lease in ipairs(ended) do
  call('ZREM', WORKERS, lease)
  count('slots', -tonumber(call('HGET', SLOTS, lease) or 0))
  call('HDEL', SLOTS, lease)
  call('SADD', LOST, lease)
  listened.leave(lease)
end
count('leases_lost_total', #ended)

-- The dead worker may have taken a wake-up token.
if #ended > 0 then wake() end

local lease = call('SRANDMEMBER', LOST)
if not lease then return {#ended, 0, 0, 0} end
local by_lane, released, lanes, poisoned = {}, {}, {}, 0

-- A task is poison only if its worker held no other; so no portion leaves a single task behind.
local held = call('HLEN', CLAIMED .. lease)
local alone = held == 1
if held == max + 1 then max = held end

local function set_header(id, task, state, at)
  local header = mutable_header(state, at, task.attempts, task.interrupted + 1)
  return call('SETRANGE', RECORD .. id, 0, header)
end

local function poison(id, task, lane)
  -- It stands before the attempts that ended.
  local ended = call('GETRANGE', RECORD .. id, task.last_attempt_at, -1)
  write_last_attempt(id, set_header(id, task, STATE_DEAD, now), task.last_attempt_at, poison_attempt .. ended)
  retention.bury(id, lane, dead_ttl)
  call('RPUSH', OUTBOX, OUTBOX_DIED .. id)
  poisoned = poisoned + 1
end

local function release(id, lane)
  if not released[lane] then
    released[lane], by_lane[lane] = 0, {}
    lanes[#lanes + 1] = lane
  end
  released[lane] = released[lane] + 1
  local task, project = read_header(id), project_of(lane)
  -- The task is settled here, or missing.
  local function leave_project()
    if project then projects.use(project, -1, -(task and task.last_attempt_at or 0), 0) end
  end
  if not task then
    -- A foreign record: the next claim settles it. A missing one: nothing is left to run.
    if call('EXISTS', RECORD .. id) == 0 then
      leave_project()
      return count('missing_total', 1)
    end
  elseif task.cancelled then
    set_header(id, task, STATE_CANCELLED, now)
    leave_project()
    idempotency.free(id)
    count('cancelled_total', 1)
    return retention.keep(id, result_ttl)
  elseif alone and task.interrupted + 1 >= poison_at then
    leave_project()
    return poison(id, task, lane)
  elseif task.interrupted + 1 >= SUSPECT_AT then
    set_header(id, task, STATE_SUSPECT, task.at)
    return suspect(lane, id, task.interrupted + 1)
  else
    -- It waits since its claim: that attempt came to nothing.
    set_header(id, task, STATE_QUEUED, task.at)
  end
  table.insert(by_lane[lane], id)
end

local claims = call('HRANDFIELD', CLAIMED .. lease, max, 'WITHVALUES')
for i = 1, #claims, 2 do
  call('HDEL', CLAIMED .. lease, claims[i])
  release(claims[i], claims[i + 1])
end
for _, lane in ipairs(lanes) do
  -- The last id pushed is in front. Ids sort by time, so the oldest is pushed last.
  table.sort(by_lane[lane], function(a, b) return a > b end)
  if #by_lane[lane] > 0 then push(lane, by_lane[lane], true) end
  free_slots(lane, released[lane])
end
finish_projects()
if #lanes > 0 then wake() end
local released_tasks = #claims / 2 - poisoned
count('given_back_total', released_tasks)
if call('EXISTS', CLAIMED .. lease) == 0 then call('SREM', LOST, lease) end
return {#ended, released_tasks, poisoned, call('EXISTS', LOST)}
