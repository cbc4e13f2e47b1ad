-- Ends claims: delivered, scheduled again, dead, or released. Fenced by the lease.
--
-- KEYS[1]  the queue
-- ARGV     lease, how long a cancelled task's record is kept (ms), max settled records, how long a
--          dead letter is kept (ms), max dead letters, 1 if a claim follows at once, then per claim:
--          id, order, then replacement, last attempt and what follows joined
--            order        big-endian: action (char), ms (u64), attempts (u32), interrupted (u16), offset
--                         of the last attempt in the record, or for how long a delivered task's record
--                         is kept as it was (ms) (u32), length of the replacement (u32),
--                         evidence (char), length of what follows (u32), for how long the lane rests
--                         (ms) (u32)
--            action       one of ACTION_*, see below
--            ms           delivered, cancelled: how long the record is kept (0: it is deleted);
--                         retry: the delay; release: Unix time since which the task waits (0: now)
--            replacement  the new record, with the header of a delivered task; empty: it is kept
--            last attempt empty: it is kept
--            evidence     one of EVIDENCE_*, see below
--            what follows an entry for the outbox, unless the task is cancelled instead; empty: nothing
-- Result   per claim: 1 settled, 2 cancelled instead, 0 the claim is no longer this lease's
-- Cost     O(log scheduled) a claim; 1 or 2 commands a claim and about 3 a lane, 10 more for a lane
--          with a change of health.
local lease, result_ttl, max_results = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local dead_ttl, max_dead, claiming = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local results, released, lanes, backs, placed = {}, {}, {}, {}, false
local delivered, kept, kept_size, outbox = 0, {}, 0, {}
local SETTLED, CANCELLED_INSTEAD = 1, 2
local ORDER = '>c1I8I4I2I4I4c1I4I4'

local ACTION_DELIVERED = 'k'
local ACTION_DELIVERED_WHOLE = 'f' -- the record as it was is kept too, for `offset` ms
local ACTION_CANCELLED = 'x'
local ACTION_RETRY = 's'
local ACTION_DEAD = 'd'
local ACTION_RELEASE = 'b' -- to the front of the lane, or to the suspects

-- What the attempt shows about its lane's destination.
local EVIDENCE_NONE = '-'
local EVIDENCE_RESPONDS = 'g'
local EVIDENCE_PROVES = 'p' -- it responds, and its lane was on trial
local EVIDENCE_FAILS = 'b'
local EVIDENCE_UNREACHABLE = 'd' -- no attempt was made, because its address takes no more

local function write(s, state, at)
  local header = mutable_header(state, at, s.attempts, s.interrupted)
  if s.replacement_bytes > 0 then
    call('SET', RECORD .. s.id, header .. string.sub(s.parts, MUTABLE_BYTES + 1))
  else
    local length = call('SETRANGE', RECORD .. s.id, 0, header)
    if s.parts ~= '' then write_last_attempt(s.id, length, s.offset, s.parts) end
  end
end

local actions = {}

-- The most common action: one write a task; its counters and entries are written once a call.
actions[ACTION_DELIVERED] = function(s)
  delivered = delivered + 1
  if s.ms == 0 or s.replacement_bytes == 0 then
    if s.ms > 0 then write(s, STATE_DELIVERED, now) end
    return retention.keep(s.id, s.ms)
  end
  call('SET', RECORD .. s.id, s.parts, 'PXAT', retention.moment(s.ms))
  kept[#kept + 1] = retention.result_entry(s.id, s.ms, #s.parts)
  kept_size = kept_size + #s.parts
end

actions[ACTION_DELIVERED_WHOLE] = function(s)
  if redis.pcall('RENAME', RECORD .. s.id, WHOLE .. s.id).ok then
    call('PEXPIREAT', WHOLE .. s.id, retention.moment(s.offset))
  end
  actions[ACTION_DELIVERED](s)
end

actions[ACTION_CANCELLED] = function(s)
  if s.ms > 0 then write(s, STATE_CANCELLED, now) end
  retention.keep(s.id, s.ms)
  idempotency.free(s.id)
  count('cancelled_total', 1)
end

actions[ACTION_RETRY] = function(s)
  write(s, STATE_SCHEDULED, now + s.ms)
  schedule(s.lane, s.id, now + s.ms)
end

actions[ACTION_DEAD] = function(s)
  write(s, STATE_DEAD, now)
  retention.bury(s.id, s.lane, dead_ttl)
end

actions[ACTION_RELEASE] = function(s)
  local since = s.ms > 0 and s.ms or now
  if s.interrupted >= SUSPECT_AT then
    write(s, STATE_SUSPECT, since)
    suspect(s.lane, s.id, s.interrupted)
    placed = true
    return
  end
  write(s, STATE_QUEUED, since)
  if not backs[s.lane] then backs[s.lane] = {} end
  table.insert(backs[s.lane], s.id)
end

-- A client cancelled the task while it was active: it gets no further attempt and becomes no dead
-- letter. The record already holds what is kept of it.
local function cancelled(s, task)
  s.offset, s.parts, s.ms = task.last_attempt_at, string.sub(s.parts, s.replacement_bytes + 1), result_ttl
  s.replacement_bytes = 0
  actions[ACTION_CANCELLED](s)
  return CANCELLED_INSTEAD
end

local function act(action, s)
  if action ~= ACTION_DELIVERED and action ~= ACTION_DELIVERED_WHOLE and action ~= ACTION_CANCELLED then
    local cancel = redis.pcall('GETRANGE', RECORD .. s.id, CANCEL_AT, CANCEL_AT)
    local task = cancel == CANCEL_REQUESTED and read_header(s.id)
    if task then return cancelled(s, task) end
    local missing = cancel == '' or type(cancel) ~= 'string'
    if missing and s.replacement_bytes == 0 then
      count('missing_total', 1)
      return SETTLED
    end
  end
  actions[action](s)
  return SETTLED
end

-- A settled task counts no more for its project; a replaced record may have another size.
local function act_in_project(project, action, s)
  local before = projects.size_of(s.id)
  local result = act(action, s)
  if result == CANCELLED_INSTEAD or (action ~= ACTION_RETRY and action ~= ACTION_RELEASE) then
    projects.use(project, -1, -before, 0)
  elseif call('EXISTS', RECORD .. s.id) == 0 then
    projects.use(project, -1, 0, 0)
  elseif s.replacement_bytes > 0 then
    projects.use(project, 0, projects.size_of(s.id) - before, 0)
  end
  return result
end

local judged, judged_lanes = {}, {}

-- Collects the evidence on a lane. A response from a healthy lane changes nothing.
local function collect(lane, code, retry_ms)
  if code == EVIDENCE_NONE then return end
  load_doubts()
  if code == EVIDENCE_RESPONDS and not (any_unhealthy or any_failing) then return end
  local evidence = judged[lane]
  if not evidence then
    evidence = {failures = 0, retry_ms = MAX_PAUSE_MS}
    judged[lane] = evidence
    judged_lanes[#judged_lanes + 1] = lane
  end
  if code == EVIDENCE_RESPONDS or code == EVIDENCE_PROVES then
    evidence.responds = true
  else
    evidence.failures = evidence.failures + 1
  end
  if code == EVIDENCE_PROVES then evidence.proves = true end
  if code == EVIDENCE_UNREACHABLE then evidence.unreachable = true end
  if retry_ms then evidence.retry_ms = math.min(evidence.retry_ms, retry_ms) end
end

local function end_claim(id, lane, order, parts)
  local action, ms, attempts, interrupted, offset, replacement_bytes, code, follows_bytes,
    slow_ms =
    struct.unpack(ORDER, order)
  local follows = nil
  if follows_bytes > 0 then
    follows, parts = string.sub(parts, -follows_bytes), string.sub(parts, 1, -follows_bytes - 1)
  end
  if not released[lane] then
    released[lane] = 0
    lanes[#lanes + 1] = lane
  end
  released[lane] = released[lane] + 1
  if slow_ms > 0 then pace.slow(lane, slow_ms) end
  collect(lane, code, action == ACTION_RETRY and ms)
  local s = {id = id, lane = lane, ms = ms, attempts = attempts, offset = offset,
             interrupted = interrupted, replacement_bytes = replacement_bytes, parts = parts}
  local project = project_of(lane)
  local result = project and act_in_project(project, action, s) or act(action, s)
  if follows and result == SETTLED then outbox[#outbox + 1] = follows end
  return result
end

begin_writing()
local ids, ended = {}, {}
for i = 7, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
local lane_of = call('HMGET', CLAIMED .. lease, unpack(ids))
for n, id in ipairs(ids) do
  local result, at = 0, 7 + (n - 1) * 3
  -- A claim that was settled again after a lost reply may be here twice: the first order counts.
  if lane_of[n] and not ended[id] then
    result = end_claim(id, lane_of[n], ARGV[at + 1], ARGV[at + 2])
    ended[id] = true
    ended[#ended + 1] = id
  end
  results[n] = result
end
if #ended > 0 then call('HDEL', CLAIMED .. lease, unpack(ended)) end

if #outbox > 0 then call('RPUSH', OUTBOX, unpack(outbox)) end
count('delivered_total', delivered)
if #kept > 0 then
  call('RPUSH', RESULTS, unpack(kept))
  count('result_bytes', kept_size)
end
for _, lane in ipairs(judged_lanes) do placed = judge(lane, judged[lane]) or placed end
for _, lane in ipairs(lanes) do
  -- The last id pushed is in front. Ids sort by time, so the oldest is pushed last.
  if backs[lane] then
    table.sort(backs[lane], function(a, b) return a > b end)
    placed = push(lane, backs[lane], true) or placed
  end
  placed = free_slots(lane, released[lane]) or placed
end
placed = finish_projects() or placed
local earliest = end_scheduling()
-- A claim that follows serves the lanes itself and wakes other workers for what it leaves.
if placed and not claiming then wake() end
if earliest and not claiming then wake_for(earliest) end
retention.prune_results(max_results)
retention.prune_dead(dead_ttl, max_dead)
return results
