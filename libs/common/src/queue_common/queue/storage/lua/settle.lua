-- Ends claims: delivered, scheduled again, dead, or given back. Fenced by the lease.
--
-- KEYS[1]  the queue
-- ARGV     lease, how long a cancelled task's record is kept (ms), most settled records,
--          how long a dead letter is kept (ms), most dead letters, 1 where a claim follows at once,
--          then per claim: id, order, rest and tail joined
--            order    big-endian: action (char), ms (u64), attempts (u32), interrupted (u16), where
--                     in the record the tail begins (u32), length of the rest (u32), what the
--                     attempt tells of its lane (char)
--            action   k delivered, x cancelled (ms: how long the record is kept, 0: not at all),
--                     s schedule again (ms: from now), d dead, b back to the front, or among the suspects
--                     (ms: Unix time since which it waits, 0: now)
--            rest     what takes the place of the record, its first 16 bytes as of a delivered
--                     task; empty: kept
--            tail     the last attempt; empty: kept
--            told     - nothing, g its destination responds, p the same of a lane that was claimed
--                     from on trial, b it does not, d no attempt was made: its address does not
-- Result   per claim: 1 settled, 2 cancelled instead, 0 the claim is not this lease's any more
-- Cost     O(log scheduled) a claim; 1 or 2 commands a claim and about 3 a lane, 10 more for a lane
--          the health of which changes.
local lease, result_ttl, max_results = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local dead_ttl, max_dead, claiming = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local results, released, lanes, backs, placed = {}, {}, {}, {}, false
local delivered, kept, kept_size = 0, {}, 0
local SETTLED, CANCELLED_INSTEAD = 1, 2
local ORDER = '>c1I8I4I2I4I4c1'

local function write(s, state, at)
  local front = moving(state, at, s.attempts, s.interrupted)
  if s.rest_bytes > 0 then
    call('SET', RECORD .. s.id, front .. string.sub(s.parts, MOVING_BYTES + 1))
  else
    local length = call('SETRANGE', RECORD .. s.id, 0, front)
    if s.parts ~= '' then write_tail(s.id, length, s.offset, s.parts) end
  end
end

local actions = {}

-- By far the most common end: one write a task, the rest once a call.
function actions.k(s)
  delivered = delivered + 1
  if s.ms == 0 or s.rest_bytes == 0 then
    if s.ms > 0 then write(s, IS_DELIVERED, now) end
    return keep(s.id, s.ms)
  end
  call('SET', RECORD .. s.id, s.parts, 'PXAT', moment(s.ms))
  kept[#kept + 1] = result_entry(s.id, s.ms, #s.parts)
  kept_size = kept_size + #s.parts
end

function actions.x(s)
  if s.ms > 0 then write(s, IS_CANCELLED, now) end
  keep(s.id, s.ms)
  count('cancelled_total', 1)
end

function actions.s(s)
  write(s, WAITS_DUE, now + s.ms)
  schedule(s.lane, s.id, now + s.ms)
end

function actions.d(s)
  write(s, IS_DEAD, now)
  bury(s.id, s.lane, dead_ttl)
end

function actions.b(s)
  if s.interrupted >= SUSPECT_AT then
    write(s, SUSPECT, s.ms > 0 and s.ms or now)
    suspect(s.lane, s.id, s.interrupted)
    placed = true
    return
  end
  write(s, QUEUED, s.ms > 0 and s.ms or now)
  if not backs[s.lane] then backs[s.lane] = {} end
  table.insert(backs[s.lane], s.id)
end

-- A client took the task back while it was active: no further attempt, and no dead letter. What is
-- kept of it was written then.
local function cancelled(s, task)
  s.offset, s.parts, s.ms = task.tail_at, string.sub(s.parts, s.rest_bytes + 1), result_ttl
  s.rest_bytes = 0
  actions.x(s)
  return CANCELLED_INSTEAD
end

local function act(action, s)
  if action ~= 'k' and action ~= 'x' then
    local asked = redis.pcall('GETRANGE', RECORD .. s.id, 15, 15)
    local task = asked == 'x' and read_header(s.id)
    if task then return cancelled(s, task) end
    local gone = asked == '' or type(asked) ~= 'string'
    if gone and s.rest_bytes == 0 then
      count('missing_total', 1)
      return SETTLED
    end
  end
  actions[action](s)
  return SETTLED
end

local judged, judged_lanes = {}, {}

-- Gathers what the attempts tell of a lane; that a lane in no doubt responds is no news.
local function hear(lane, told, retry_ms)
  if told == '-' then return end
  ask_for_doubts()
  if told == 'g' and not (any_unhealthy or any_bad) then return end
  local heard = judged[lane]
  if not heard then
    heard = {bad = 0, retry_ms = MAX_PAUSE_MS}
    judged[lane] = heard
    judged_lanes[#judged_lanes + 1] = lane
  end
  if told == 'g' or told == 'p' then heard.responds = true else heard.bad = heard.bad + 1 end
  if told == 'p' then heard.proves = true end
  if told == 'd' then heard.rests = true end
  if retry_ms then heard.retry_ms = math.min(heard.retry_ms, retry_ms) end
end

local function end_claim(id, lane, order, parts)
  local action, ms, attempts, interrupted, offset, rest_bytes, told = struct.unpack(ORDER, order)
  if not released[lane] then
    released[lane] = 0
    lanes[#lanes + 1] = lane
  end
  released[lane] = released[lane] + 1
  hear(lane, told, action == 's' and ms)
  return act(action, {id = id, lane = lane, ms = ms, attempts = attempts, offset = offset,
                      interrupted = interrupted, rest_bytes = rest_bytes, parts = parts})
end

begin_writing()
local asked, ended = {}, {}
for i = 7, #ARGV, 3 do asked[#asked + 1] = ARGV[i] end
local lane_of = call('HMGET', CLAIMED .. lease, unpack(asked))
for n, id in ipairs(asked) do
  local result, at = 0, 7 + (n - 1) * 3
  -- One that was given up and then given back may be here twice: its first end counts.
  if lane_of[n] and not ended[id] then
    result = end_claim(id, lane_of[n], ARGV[at + 1], ARGV[at + 2])
    ended[id] = true
    ended[#ended + 1] = id
  end
  results[n] = result
end
if #ended > 0 then call('HDEL', CLAIMED .. lease, unpack(ended)) end

count('delivered_total', delivered)
if #kept > 0 then
  call('RPUSH', RESULTS, unpack(kept))
  count('result_bytes', kept_size)
end
for _, lane in ipairs(judged_lanes) do placed = judge(lane, judged[lane]) or placed end
for _, lane in ipairs(lanes) do
  -- The last one pushed stands in front: the oldest (ids sort by time) goes last.
  if backs[lane] then
    table.sort(backs[lane], function(a, b) return a > b end)
    placed = push(lane, backs[lane], true) or placed
  end
  placed = release(lane, released[lane]) or placed
end
local earliest = end_scheduling()
-- A claim that follows serves the lanes itself and wakes others for what it leaves.
if placed and not claiming then wake() end
if earliest and not claiming then wake_for(earliest) end
prune_results(max_results)
prune_dead(dead_ttl, max_dead)
return results
