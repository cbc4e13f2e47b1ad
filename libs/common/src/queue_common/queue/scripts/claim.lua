-- Moves due tasks into their lanes, then hands a worker tasks from the lanes in turn.
--
-- KEYS[1]  the queue
-- ARGV     lease, tasks wanted, in-flight limit a lane (0: the sum of the live workers' slots),
--          bytes of records that the worker has room for (-1: any number), 1 if it holds nothing
-- Result   {-2} where the lease has ended, else {ms until the worker should look again (-1: when
--          woken, -3: when a claim of its own has ended), then per task: id, lane, record as it was
--          before}
-- Cost     O(log lanes) a task; about 4 commands a task, 200 due tasks and 200 ghosts at most. One
--          record more than is claimed may be read, and a reply is bounded in bytes.
local lease, wanted = ARGV[1], tonumber(ARGV[2])
local free, idle = tonumber(ARGV[4]), ARGV[5] == '1'
local DUE_A_CALL, GHOSTS_A_CALL, BACKUP_MS = 200, 200, 1000
local REPLY_BYTES, NEAR_BYTES = 16777216, 2097152
if not call('ZSCORE', WORKERS, lease) then return {-2} end

local switches = call('HMGET', N, 'slots', 'paused', 'watch_at', 'watch_by')
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

local reply, ghosts = {0}, 0
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
local function take(lane, popped)
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
      reply[#reply + 1] = id
      reply[#reply + 1] = lane
      reply[#reply + 1] = type(record) == 'string' and record or ''
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

-- One turn of one lane: at most quantum tasks, never beyond the lane's limit. A lane with a task
-- that did not fit keeps its turn.
local function serve(lane, turn, quantum)
  local flying = tonumber(call('HGET', INFLIGHT, lane) or 0)
  local room = math.min(quantum, limit - flying)
  local taken, popped = 0, {}
  if room > 0 then
    popped = call('LPOP', WAITING .. lane, room) or {}
    taken = take(lane, popped)
    if taken > 0 then call('HINCRBY', INFLIGHT, lane, taken) end
  end
  if call('LLEN', WAITING .. lane) == 0 then
    if flying + taken == 0 then forget_if_empty(lane) end
  elseif ended then
    call('ZADD', RING, turn, lane)
  elseif flying + taken >= limit then
    call('SADD', FULL, lane)
  else
    place(lane)
  end
  return taken
end

-- Round after round, each lane that waits gets an equal share of what is wanted, at least one task.
local function claim()
  local left, in_round, share = wanted, 0, 0
  while left > 0 and not ended and ghosts < GHOSTS_A_CALL do
    if in_round == 0 then
      in_round = call('ZCARD', RING)
      if in_round == 0 then break end
      share = math.max(math.floor(left / in_round), 1)
    end
    local lane = call('ZPOPMIN', RING)
    left = left - serve(lane[1], lane[2], share)
    in_round = in_round - 1
  end
  count('active', wanted - left)
  -- A ghost left the queued count when its task was cancelled.
  count('queued', -(wanted - left))
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

promote()
local left = wanted
if not switches[2] then left = claim() end
if no_room then left = 0 end
reply[1] = watch(left)
if switches[2] == false and call('ZCARD', RING) > 0 then
  if left == 0 then wake() else reply[1] = 0 end
end
if no_room then reply[1] = -3 end
return reply
