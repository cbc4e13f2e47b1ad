-- Stores new tasks: each becomes queued, or scheduled if it has a delay.
--
-- KEYS[1]  the queue
-- ARGV     max waiting tasks of the queue (0: no limit; -1: no limit at all counts), and of a lane, then
--          per task: id, lane, delay in ms, the record of a queued task. A task with a name has more in
--          the place of its delay (idempotency.lua)
-- Result   per task: 1 new, 0 the same task exists, -1 another task has this id, the id of the task that
--          has its name, -9 if that one's request is another, or which limit it is
--          over (enqueue_limits.lua)
-- Cost     O(1) a task; about 5 commands a lane, and 2 a task if one of them exists or has a delay, or
--          if the sender's clock is off. A name takes 1, and 6 a call. A lane of a project takes 2 more, and
--          2 if it has limits.
--          Running it again changes nothing, except for the tokens of a rate.
local results, by_lane, lanes = {}, {}, {}
local TASKS_AT, ARGUMENTS = 3, 4

-- A task waits since a time by this server's clock. A submitted record has its sender's time.
local MAX_CLOCK_SKEW_MS = 1000

local bounds_backlog = ARGV[1] ~= '0' or ARGV[2] ~= '0'

-- Returns whether all tasks are within the limits, if all are new.
local function admits_all()
  for i = TASKS_AT, #ARGV, ARGUMENTS do
    local lane, bytes = ARGV[i + 1], #ARGV[i + 3]
    local project = project_of(lane)
    if project or bounds_backlog then
      if enqueue_limits.refusal(project, lane, bytes) then return false end
      enqueue_limits.accept(project, lane, bytes)
    end
  end
  return true
end

local NO_DIGEST = string.rep('\0', DIGEST_BYTES)

local function digest_of(record)
  return string.sub(record, DIGEST_AT + 1, DIGEST_AT + DIGEST_BYTES)
end

-- The most common case: all tasks and their names are new, none has a delay, and the clocks agree. One
-- write stores them all, and no record is assembled here, because long strings are expensive in Lua.
local function write_new_ones()
  if math.abs(now - struct.unpack('>I8', ARGV[TASKS_AT + 3], SINCE_AT + 1)) > MAX_CLOCK_SKEW_MS then return false end
  local keys, writes, seen, named = {}, {}, {}, {}
  local function is_first(key)
    if seen[key] then return false end
    seen[key] = true
    keys[#keys + 1] = key
    return true
  end
  for i = TASKS_AT, #ARGV, ARGUMENTS do
    local key = RECORD .. ARGV[i]
    if not is_first(key) then return false end
    writes[#writes + 1] = key
    writes[#writes + 1] = ARGV[i + 3]
    if ARGV[i + 2] ~= '0' then
      local delay, once = idempotency.read(ARGV[i + 2])
      if delay ~= 0 or not is_first(IDEMPOTENT .. once.name) then return false end
      named[i] = once
    end
  end
  if not admits_all() or call('EXISTS', unpack(keys)) > 0 then return false end
  call('MSET', unpack(writes))
  for i, once in pairs(named) do idempotency.claim(once, ARGV[i], digest_of(ARGV[i + 3])) end
  return true
end

-- Returns whether the id may be reused: its task is settled and the new one has no digest. SAQ reuses keys.
local function may_reuse(id, record)
  if digest_of(record) ~= NO_DIGEST then return false end
  local task = read_header(id)
  if not task then return false end
  if task.state == STATE_DEAD then retention.forget_dead(id, task.lane) end
  return task.state == STATE_DEAD or task.state == STATE_DELIVERED or task.state == STATE_CANCELLED
end

-- Returns the task's result.
local function write_one(id, delay, record)
  local header = mutable_header(delay > 0 and STATE_SCHEDULED or STATE_QUEUED, now + delay, 0, 0)
  record = header .. string.sub(record, MUTABLE_BYTES + 1)
  if call('SET', RECORD .. id, record, 'NX') then return 1 end
  if may_reuse(id, record) then
    call('SET', RECORD .. id, record)
    return 1
  end
  -- Any other value under the key is a conflict of this task alone.
  local digest = redis.pcall('GETRANGE', RECORD .. id, DIGEST_AT, DIGEST_AT + DIGEST_BYTES - 1)
  return digest == digest_of(record) and 0 or -1
end

-- Returns whether the task has ended in a way that frees its name, which it must not get back.
local function has_freed_name(id)
  local state = state_of(id)
  return state == STATE_DEAD or state == STATE_CANCELLED
end

-- A task that exists is no new one, whatever the limits.
local function write(project, id, lane, delay, record, once)
  local first = once and idempotency.find(once, id, digest_of(record))
  if first then return first end
  local limited = project or bounds_backlog
  local over = limited and enqueue_limits.refusal(project, lane, #record)
  if over and call('EXISTS', RECORD .. id) == 0 then return over end
  local result = write_one(id, delay, record)
  if limited and result == 1 then enqueue_limits.accept(project, lane, #record) end
  local keeps_name = result == 1 or result == 0 and not has_freed_name(id)
  if once and keeps_name then idempotency.claim(once, id, digest_of(record)) end
  return result
end

local all_written = write_new_ones()
if not all_written and rawget(enqueue_limits, 'forget') then enqueue_limits.forget() end
for i = TASKS_AT, #ARGV, ARGUMENTS do
  local id, lane, record = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  local project, delay, once, result = project_of(lane), 0, nil, 1
  if not all_written then
    delay = tonumber(ARGV[i + 2])
    if not delay then delay, once = idempotency.read(ARGV[i + 2]) end
    result = write(project, id, lane, delay, record, once)
  end
  if project and result == 1 then projects.use(project, 1, #record, 0) end
  if result == 1 and delay > 0 then
    call('ZADD', LANES, 0, lane)
    schedule(lane, id, now + delay)
  elseif result == 1 then
    if not by_lane[lane] then
      by_lane[lane] = {}
      lanes[#lanes + 1] = lane
    end
    table.insert(by_lane[lane], id)
  end
  results[#results + 1] = result
end

local placed = false
for _, lane in ipairs(lanes) do placed = push(lane, by_lane[lane]) or placed end
if rawget(enqueue_limits, 'finish') then enqueue_limits.finish() end
if rawget(idempotency, 'finish_claims') then idempotency.finish_claims() end
finish_projects()
if placed then wake() end
local earliest = end_scheduling()
if earliest then wake_for(earliest) end
return results
