-- Moves due tasks into their lanes, then hands a worker tasks from the lanes in turn.
--
-- KEYS[1]  the queue
-- ARGV     lease, tasks wanted, in-flight limit a lane (0: the sum of the live workers' slots),
--          bytes of records that the worker has room for (-1: any number), 1 if it holds nothing,
--          most tasks of lanes on trial, how many tasks it holds at most, how many suspects it holds
-- Result   {-2} where the lease has ended, else {ms until the worker should look again (-1: when
--          woken, -3: when a claim of its own has ended), how many of the tasks are of proven lanes,
--          then per task, those first: id, lane, record as it was before}
-- Cost     O(log lanes) a task; about 4 commands a task, 200 due tasks and 200 ghosts at most. One
--          record more than is claimed may be read, and a reply is bounded in bytes.
--          On suspects see claim_suspects.lua.
local lease, wanted = ARGV[1], tonumber(ARGV[2])
local free, idle = tonumber(ARGV[4]), ARGV[5] == '1'
local DUE_A_CALL, GHOSTS_A_CALL, BACKUP_MS, PASS_ON_MS = 200, 200, 1000, 100
local REPLY_BYTES, NEAR_BYTES = 16777216, 2097152
if not call('ZSCORE', WORKERS, lease) then return {-2} end

local switches = call('HMGET', N, 'slots', 'paused', 'watch_at', 'watch_by', 'suspects', 'alone')
local limit = tonumber(ARGV[3])
if limit == 0 then limit = tonumber(switches[1] or 0) end

-- One lane's due tasks at a time, the longest due first.
local function promote()
  local moved = 0
  while moved < DUE_A_CALL do
    local lane = call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, 1)[1]
    if not lane then return end
    local ids = call('ZRANGEBYSCORE', SCHEDULED .. lane, '-inf', now, 'LIMIT', 0, DUE_A_CALL - moved)
    if #ids > 0 then
      call('ZREM', SCHEDULED .. lane, unpack(ids))
      -- The record keeps the time it was due: since then it waits. What is no record of ours must
      -- not keep the others back.
      for _, id in ipairs(ids) do redis.pcall('SETRANGE', RECORD .. id, 0, QUEUED) end
      count('scheduled', -#ids)
      push(lane, ids)
      moved = moved + #ids
    end
    update_due(lane)
  end
end

local reply, on_trial, ghosts = {0, 0}, {}, 0
local trial_left = tonumber(ARGV[6])
local claimed_front = struct.pack('>c1I8', ACTIVE, now)

local bytes, no_room, ended = 0, false, false

-- Says whether a record may go with this reply; where not, the claim ends with it. One that is
-- larger than all a worker may hold is claimed by a worker that holds nothing.
local function fits(size)
  if bytes == 0 and idle then return true end
  no_room = free >= 0 and bytes + size > free
  ended = no_room or (bytes > 0 and bytes + size > REPLY_BYTES)
  return not ended
end

-- Returns a record, and nothing where it does not fit. Near the end of the room it is measured
-- first, for a worker that has none asks often.
local function read(id)
  local key = RECORD .. id
  if free >= 0 and free - bytes < NEAR_BYTES then
    local size = redis.pcall('STRLEN', key)
    if type(size) == 'number' and not fits(size) then return end
  end
  local record = redis.pcall('GET', key)
  if type(record) == 'string' then
    if not fits(#record) then return end
    bytes = bytes + #record
  end
  return record
end

local function put_back(lane, popped, from)
  for i = #popped, from, -1 do call('LPUSH', WAITING .. lane, popped[i]) end
end

-- Claims the popped entries that are tasks to run; the others are ghosts. Returns how many.
local function take(lane, popped, into)
  local claimed = {}
  for i, id in ipairs(popped) do
    local record = read(id)
    if ended then
      put_back(lane, popped, i)
      break
    end
    local readable = type(record) == 'string' and #record >= HEADER_BYTES
      and string.byte(record, 17) == MAGIC
    local waits = readable and waits_in(record, lane)
    if waits then call('SETRANGE', RECORD .. id, 0, claimed_front) end
    if waits or (record and not readable) then
      claimed[#claimed + 1] = id
      claimed[#claimed + 1] = lane
      into[#into + 1] = id
      into[#into + 1] = lane
      into[#into + 1] = type(record) == 'string' and record or ''
    else
      ghosts = ghosts + 1
      if call('HEXISTS', GHOSTS, lane) == 0 then
        -- Somebody removed the record: there is nothing left to run or to keep.
        count('queued', -1)
        count('missing_total', 1)
      elseif call('HINCRBY', GHOSTS, lane, -1) <= 0 then
        call('HDEL', GHOSTS, lane)
      end
    end
  end
  if #claimed > 0 then call('HSET', CLAIMED .. lease, unpack(claimed)) end
  return #claimed / 2
end

-- SAQ's jobs are limited by their workers' concurrency alone.
local function limit_of(lane)
  return string.sub(lane, 1, 4) == 'saq:' and math.huge or limit
end

-- One turn of one lane: at most quantum tasks, never beyond the lane's limit. A lane with a task
-- that did not fit keeps its turn.
local function serve(lane, from, quantum, into)
  local flying = tonumber(call('HGET', INFLIGHT, lane) or 0)
  local health = health_of(lane)
  local limit = limit_of(lane)
  if health then limit = math.min(limit, health.room) end
  local room = math.min(quantum, limit - flying)
  local taken, popped = 0, {}
  if room > 0 then
    popped = call('LPOP', WAITING .. lane, room) or {}
    taken = take(lane, popped, into)
    if taken > 0 then call('HINCRBY', INFLIGHT, lane, taken) end
  end
  if call('LLEN', WAITING .. lane) == 0 then
    if flying + taken == 0 then forget_if_empty(lane) end
  elseif ended then
    call('ZADD', from.ring, from.turn, lane)
  elseif flying + taken >= limit then
    call('SADD', FULL, lane)
  else
    place(lane)
  end
  return taken
end

local function on_trial_now()
  if trial_left == 0 then return 0 end
  local waiting = call('ZCARD', TRIAL)
  if call('EXISTS', RESTING) == 1 then waiting = waiting + call('ZCOUNT', RESTING, '-inf', now) end
  return math.min(waiting, trial_left)
end

-- Lanes that are new and lanes to be probed come in turn, whichever there are more of. Where proven
-- lanes wait, lanes on trial have half of a claim, and every other claim of one task.
local probe_next = time[2] % 2 == 1
local trial_share = math.floor((wanted + (probe_next and 1 or 0)) / 2)

local function head_of(ring)
  local head = call('ZRANGE', ring, 0, 0, 'WITHSCORES')
  if head[1] then return {ring = ring, lane = head[1], turn = tonumber(head[2])} end
end

local function foremost_on_trial()
  probe_next = not probe_next
  for _, ring in ipairs(probe_next and {RESTING, TRIAL} or {TRIAL, RESTING}) do
    local head = head_of(ring)
    if head and (ring == TRIAL or head.turn <= now) then return head end
  end
end

-- Takes the lane out of its ring that came there first, those on trial while any may be served.
local function next_lane()
  if trial_left > 0 and call('EXISTS', TRIAL, RESTING) > 0 then
    local tried, proven = foremost_on_trial(), head_of(RING)
    local came_at = tried and tried.turn * (tried.ring == RESTING and 1000 or 1)
    if tried and not (proven and (trial_share <= 0 or proven.turn < came_at)) then
      call('ZREM', tried.ring, tried.lane)
      return tried
    end
  end
  local head = call('ZPOPMIN', RING)
  if head[1] then return {ring = RING, lane = head[1], turn = head[2]} end
end

local function take_turn(share)
  local head = next_lane()
  if not head then return nil end
  if head.ring == RING then return serve(head.lane, head, share, reply) end
  local taken = serve(head.lane, head, math.min(share, trial_left), on_trial)
  trial_left, trial_share = trial_left - taken, trial_share - taken
  return taken
end

-- Round after round, each lane that waits gets an equal share of what is wanted, at least one task.
local function claim(max)
  local left, in_round, share = max, 0, 0
  while left > 0 and not ended and ghosts < GHOSTS_A_CALL do
    if in_round == 0 then
      in_round = call('ZCARD', RING) + on_trial_now()
      if in_round == 0 then break end
      share = math.max(math.floor(left / in_round), 1)
    end
    local taken = take_turn(share)
    if not taken then break end
    left = left - taken
    in_round = in_round - 1
  end
  count('active', max - left)
  -- A ghost left the queued count when its task was cancelled.
  count('queued', -(max - left))
  return left
end

-- Who should look again at the next due time: one worker, with the others one second behind it.
local function watch(left)
  local head = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
  local at, by = tonumber(switches[3] or 0), switches[4]
  if left == 0 and by == lease then call('HDEL', N, 'watch_at', 'watch_by') end
  if not head[1] then return -1 end
  local due = tonumber(head[2])
  local watched = at > 0 and at <= due and at > now - BACKUP_MS and by ~= lease
    and call('ZSCORE', WORKERS, by)
  if left == 0 then
    -- This worker will be busy: another one has to look.
    if not watched then wake() end
    return -1
  end
  if watched then return math.max(due - now, 0) + BACKUP_MS end
  begin_writing()
  call('HSET', N, 'watch_at', head[2], 'watch_by', lease)
  return math.max(due - now, 0)
end

-- Workers without room for lanes on trial wake those that may have some, ten times a second at most:
-- where none has, they would wake each other without end.
local function pass_on()
  local passed = tonumber(call('HGET', N, 'passed_on') or 0)
  if passed <= now - PASS_ON_MS or passed > now then
    begin_writing()
    call('HSET', N, 'passed_on', now)
    wake()
  end
end

-- Returns the ms until this worker should look again for lanes on trial, nil where it need not.
local function watch_trials(left)
  if call('EXISTS', TRIAL, RESTING) == 0 then return nil end
  if left == 0 and trial_left > 0 then
    wake()
  elseif trial_left > 0 then
    local head = call('ZRANGE', RESTING, 0, 0, 'WITHSCORES')
    local pause = head[2] and math.max(head[2] - now, 0)
    return call('EXISTS', TRIAL) == 1 and 0 or pause
  elseif call('ZCARD', WORKERS) > 1 then
    pass_on()
    return PASS_ON_MS
  end
end

-- Where there are suspects, they come first: they are few, and stood in front when they were lost.
local function claim_all()
  local taken = 0
  if tonumber(switches[5] or 0) > 0 or switches[6] then
    local halts
    taken, halts = claim_suspects({
      lease = lease, wanted = wanted, limit = limit, idle = idle, read = read, reply = reply,
      max_tasks = tonumber(ARGV[7]), suspects = tonumber(ARGV[8]),
    })
    no_room = no_room or halts
  end
  if no_room or ended then return wanted - taken end
  return claim(wanted - taken)
end

promote()
local left = wanted
if not switches[2] then left = claim_all() end
if no_room then left = 0 end
reply[1] = watch(left)
reply[2] = (#reply - 2) / 3
if switches[2] == false then
  local pause = watch_trials(left)
  if pause and (reply[1] < 0 or pause < reply[1]) then reply[1] = pause end
  if call('ZCARD', RING) > 0 then
    if left == 0 then wake() else reply[1] = 0 end
  end
end
-- A suspect may have to wait for more than a token tells of.
local again = reply[1]
if left > 0 and tonumber(switches[5] or 0) > 0 and (again < 0 or again > BACKUP_MS) then
  reply[1] = BACKUP_MS
end
if no_room then reply[1] = -3 end
for _, part in ipairs(on_trial) do reply[#reply + 1] = part end
return reply
