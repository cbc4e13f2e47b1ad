-- Ends claims: delivered, scheduled again, dead, or given back. Fenced by the lease.
--
-- KEYS[1]  the queue
-- ARGV     lease, how long a cancelled task's record is kept (ms), most settled records,
--          how long a dead letter is kept (ms), most dead letters, 1 where a claim follows at once,
--          then per claim: id, lane, action, ms, attempts, interrupted, offset, rest, tail
--            action   k delivered, x cancelled (ms: how long the record is kept, 0: not at all),
--                     s schedule again (ms: from now), d dead, b back to the front (ms: Unix time
--                     since which it waits, 0: now)
--            offset   where in the record the tail begins
--            rest     what takes the place of the record from its 17th byte on; empty: kept
--            tail     the last attempt; empty: kept
-- Result   per claim: 1 settled, 2 cancelled instead, 0 the claim is not this lease's any more
-- Cost     O(log scheduled) a claim; 2 or 3 commands a claim and about 3 a lane.
local lease, result_ttl, most_done = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local dead_ttl, most_dead, claiming = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local results, released, lanes, backs, placed = {}, {}, {}, {}, false
local delivered, kept = 0, {}
local SETTLED, CANCELLED_INSTEAD = 1, 2

local function write(s, state, at)
  local front = moving(state, at, s.attempts, s.interrupted)
  if s.rest ~= '' then
    call('SET', RECORD .. s.id, front .. s.rest .. s.tail)
  else
    call('SETRANGE', RECORD .. s.id, 0, front)
    if s.tail ~= '' then call('SETRANGE', RECORD .. s.id, s.offset, s.tail) end
  end
end

local actions = {}

-- By far the most common end: one write a task, the rest once a call.
function actions.k(s)
  delivered = delivered + 1
  if s.ms == 0 or s.rest == '' then
    if s.ms > 0 then write(s, IS_DELIVERED, now) end
    return keep(s.id, s.ms)
  end
  local front = moving(IS_DELIVERED, now, s.attempts, s.interrupted)
  call('SET', RECORD .. s.id, front .. s.rest .. s.tail, 'PX', s.ms)
  kept[#kept + 1] = kept_entry(s.id, s.ms)
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
  write(s, QUEUED, s.ms > 0 and s.ms or now)
  if not backs[s.lane] then backs[s.lane] = {} end
  table.insert(backs[s.lane], s.id)
end

-- A client took the task back while it was active: no further attempt, and no dead letter. What is
-- kept of it was written then.
local function cancelled(s, task)
  s.offset, s.rest, s.ms = task.tail_at, '', result_ttl
  actions.x(s)
  return CANCELLED_INSTEAD
end

local function act(action, s)
  if action ~= 'k' and action ~= 'x' then
    local asked = redis.pcall('GETRANGE', RECORD .. s.id, 15, 15)
    local task = asked == 'x' and read_header(s.id)
    if task then return cancelled(s, task) end
    local gone = asked == '' or type(asked) ~= 'string'
    if gone and s.rest == '' then
      count('missing_total', 1)
      return SETTLED
    end
  end
  actions[action](s)
  return SETTLED
end

for i = 7, #ARGV, 9 do
  local s = {id = ARGV[i], lane = ARGV[i + 1], ms = tonumber(ARGV[i + 3]),
             attempts = tonumber(ARGV[i + 4]), interrupted = tonumber(ARGV[i + 5]),
             offset = tonumber(ARGV[i + 6]), rest = ARGV[i + 7], tail = ARGV[i + 8]}
  local mine = call('HDEL', CLAIMED .. lease, s.id)
  if mine == 1 then
    mine = act(ARGV[i + 2], s)
    if not released[s.lane] then
      released[s.lane] = 0
      lanes[#lanes + 1] = s.lane
    end
    released[s.lane] = released[s.lane] + 1
  end
  results[#results + 1] = mine
end

count('delivered_total', delivered)
if #kept > 0 then call('RPUSH', DONE, unpack(kept)) end
local earliest = end_scheduling()
for _, lane in ipairs(lanes) do
  -- The last one pushed stands in front: the oldest (ids sort by time) goes last.
  if backs[lane] then
    table.sort(backs[lane], function(a, b) return a > b end)
    placed = push(lane, backs[lane], true) or placed
  end
  placed = release(lane, released[lane]) or placed
end
-- A claim that follows serves the lanes itself and wakes others for what it leaves.
if placed and not claiming then wake() end
if earliest and not claiming then wake_for(earliest) end
prune_done(most_done)
prune_dead(dead_ttl, most_dead)
return results
