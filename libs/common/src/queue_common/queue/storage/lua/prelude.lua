-- What every script begins with: key names, the record's layout, and the moves they share.
--
-- KEYS[1] is the queue's hash tag, {name}; all keys of a queue begin with it, so that they live in
-- one slot of a Redis Cluster and a script may make their names.
--
--   t:<id>     string  the task's record (see record.py), one a task
--   l:<lane>   list    ids that wait in the lane, first in front
--   s:<lane>   zset    ids scheduled in the lane, by due time
--   u:<lane>   zset    ids of the lane's suspects, by how many workers died under each
--   suspects   zset    lanes with suspects, the next in front
--   w:<lease>  hash    ids claimed under the lease -> their lane
--   lanes      zset    lanes with waiting, scheduled or active tasks, in lexical order
--   ring       zset    proven lanes that may be served now, the next in front
--   trial      zset    the same of lanes that are neither proven nor unhealthy
--   resting    zset    the same of unhealthy lanes, by the time of their next probe
--   full       set     lanes with waiting tasks at their in-flight limit
--   paused     set     lanes an operator has paused
--   proven     zset    lanes that have responded, by the time at which that was noted
--   bad        hash    lane -> failures in a row that tell of its destination, while it is not unhealthy
--   unhealthy  hash    lane -> its health: see lanes.lua
--   due        zset    lanes with scheduled tasks, by their earliest due time
--   inflight   hash    lane -> claimed tasks
--   ghosts     hash    lane -> entries of its list whose task was cancelled
--   workers    zset    leases, by the time they end
--   slots      hash    lease -> the concurrency its worker brings
--   lost       set     ended leases whose tasks are being given back
--   dead       zset    dead letters, by the time they died; d:<lane> those of one lane
--   dead_sizes hash    dead letter -> bytes of its record; their sum is n's dead_bytes
--   results    list    delivered and cancelled records in the order in which they expire: Unix ms
--                      in 13 digits, bytes in 9 digits, id; the sum of bytes is n's result_bytes
--   wake       list    at most one token: a worker that waits for it has something to do
--   n          hash    counters and switches
--   stats      string  what the last look at the lanes found (see watch.py)
--   stats_turn string  there while it is too early for the next look
--
-- Invariant: a lane whose list is not empty is in exactly one of ring, trial, resting, full, paused.
local Q = KEYS[1] .. ':'
local RECORD, WAITING, SCHEDULED, CLAIMED = Q .. 't:', Q .. 'l:', Q .. 's:', Q .. 'w:'
local N, RING, FULL, PAUSED, DUE = Q .. 'n', Q .. 'ring', Q .. 'full', Q .. 'paused', Q .. 'due'
local LANES, INFLIGHT, GHOSTS = Q .. 'lanes', Q .. 'inflight', Q .. 'ghosts'
local TRIAL, RESTING, PROVEN = Q .. 'trial', Q .. 'resting', Q .. 'proven'
local BAD, UNHEALTHY = Q .. 'bad', Q .. 'unhealthy'
local WORKERS, SLOTS, LOST, WAKE = Q .. 'workers', Q .. 'slots', Q .. 'lost', Q .. 'wake'
local SUSPECTED, SUSPECTS = Q .. 'u:', Q .. 'suspects'
local DEAD, DEAD_IN, DEAD_SIZES = Q .. 'dead', Q .. 'd:', Q .. 'dead_sizes'
local RESULTS, COPY = Q .. 'results', Q .. 'copy'
local STATS, STATS_TURN = Q .. 'stats', Q .. 'stats_turn'

local call = redis.call
local time = call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now = math.floor(now_us / 1000)

-- The record's first 16 bytes change with each move; the rest is written once.
local MOVING = '>c1I8I4I2c1'
local MOVING_BYTES = 16
local HEADER = '>c1I8I4I2c1c1c8I2I4'
local IMMUTABLE, HEADER_BYTES = '>c1c8I2I4', 31
local MAGIC, QUEUED_BYTE = string.byte('Q'), string.byte('q')
-- A task that waits as a suspect is queued to all but these scripts.
local SUSPECT = 'u'
local QUEUED, WAITS_DUE, ACTIVE, IS_DEAD, IS_DELIVERED, IS_CANCELLED = 'q', 's', 'a', 'd', 'k', 'x'

local function moving(state, at, attempts, interrupted, cancel)
  return struct.pack(MOVING, state, at, attempts, interrupted, cancel or '-')
end

-- Returns nil for a record that is missing or not ours.
local function read_header(id)
  local head = redis.pcall('GETRANGE', RECORD .. id, 0, HEADER_BYTES - 1)
  if type(head) ~= 'string' or #head < HEADER_BYTES or string.sub(head, 17, 17) ~= 'Q' then
    return nil
  end
  local state, at, attempts, interrupted, cancel, _, digest, lane_bytes, payload_bytes =
    struct.unpack(HEADER, head)
  local lane = call('GETRANGE', RECORD .. id, HEADER_BYTES, HEADER_BYTES + lane_bytes - 1)
  return {state = state, at = at, attempts = attempts, interrupted = interrupted,
          cancelled = cancel == 'x', lane = lane, digest = digest,
          tail_at = HEADER_BYTES + lane_bytes + payload_bytes}
end

-- A server at its maxmemory refuses a script whose first write may need memory, but lets one go on
-- that has begun: what keeps leases and ends tasks must work when it is full.
local function begin_writing() call('HDEL', N, '') end

-- Says whether a record as read waits in the lane: an id that was cancelled and sent again may have
-- its place in another lane, and a ghost in this one.
local function waits_in(record, lane)
  if string.byte(record) ~= QUEUED_BYTE or struct.unpack('>I2', record, 26) ~= #lane then
    return false
  end
  return string.find(record, lane, HEADER_BYTES + 1, true) == HEADER_BYTES + 1
end

local function wake()
  if call('LLEN', WAKE) == 0 then call('RPUSH', WAKE, '1') end
end

local function count(field, by)
  if by ~= 0 then call('HINCRBY', N, field, by) end
end

local function state_of(id)
  local state = redis.pcall('GETRANGE', RECORD .. id, 0, 0)
  return type(state) == 'string' and state or ''
end

-- Writes the last attempt into a record of a known length. Redis doubles a string that grows in
-- place and keeps what is left over; a copy takes no more than it holds.
local function write_tail(id, length, at, tail)
  local new_length = call('SETRANGE', RECORD .. id, at, tail)
  if new_length > length then
    call('COPY', RECORD .. id, COPY, 'REPLACE')
    call('RENAME', COPY, RECORD .. id)
  end
end

local PRUNED_AT_ONCE, DEAD_PRUNED_A_CALL = 100, 1000

-- Returns the bytes that records of a kind take, and how many they may.
local function kept_bytes(kind)
  local bytes = call('HMGET', N, kind .. '_bytes', kind .. '_max_bytes')
  return tonumber(bytes[1] or 0), tonumber(bytes[2] or math.huge)
end

-- Forgets delivered and cancelled tasks: entries past their time, then what is over the bounds,
-- or all where memory is short; oldest first. Returns whether more may have to go.
local function prune_results(max, short)
  local number, pruned, removed, freed = call('LLEN', RESULTS), 0, 0, 0
  if number == 0 then return false end
  local bytes, max_bytes = kept_bytes('result')
  local function is_over() return short or number > max or bytes - freed > max_bytes end
  local function is_expired(entry) return tonumber(string.sub(entry, 1, 13)) <= now end
  if not is_over() and not is_expired(call('LRANGE', RESULTS, 0, 0)[1]) then return false end
  for _, entry in ipairs(call('LRANGE', RESULTS, 0, PRUNED_AT_ONCE - 1)) do
    local expired, id = is_expired(entry), string.sub(entry, 23)
    if not expired and not is_over() then break end
    number, pruned = number - 1, pruned + 1
    freed = freed + tonumber(string.sub(entry, 14, 22))
    -- The id may have been used again since: only a settled record goes.
    local state = expired and '' or state_of(id)
    if state == IS_DELIVERED or state == IS_CANCELLED then
      call('DEL', RECORD .. id)
      removed = removed + 1
    end
  end
  call('LTRIM', RESULTS, pruned, -1)
  count('result_bytes', -freed)
  count('results_removed_total', removed)
  return pruned == PRUNED_AT_ONCE
end

-- Notes how many bytes a dead letter takes.
local function count_dead(id)
  local bytes = redis.pcall('STRLEN', RECORD .. id)
  if type(bytes) ~= 'number' then bytes = 0 end
  local before = tonumber(call('HGET', DEAD_SIZES, id) or 0)
  call('HSET', DEAD_SIZES, id, bytes)
  count('dead_bytes', bytes - before)
end

-- Takes a task out of the dead letters; its record stays. Returns the bytes it took.
local function forget_dead(id, lane)
  call('ZREM', DEAD, id)
  if lane then call('ZREM', DEAD_IN .. lane, id) end
  -- A dead letter of the release before this one may not be counted yet.
  local bytes = tonumber(call('HGET', DEAD_SIZES, id) or 0)
  call('HDEL', DEAD_SIZES, id)
  count('dead_bytes', -bytes)
  return bytes
end

-- Dead letters go at their time's end, over the bounds, or where memory is short; oldest first.
-- Their records live longer than that, so that the lane can be read here. Returns whether more may
-- have to go.
local function prune_dead(ttl, max, short)
  local number = call('ZCARD', DEAD)
  if number == 0 then return false end
  local bytes, max_bytes = kept_bytes('dead')
  local function is_over() return short or number > max or bytes > max_bytes end
  local function is_expired(died_at) return tonumber(died_at) + ttl <= now end

  local function prune(id, expired)
    local task = read_header(id)
    local is_dead = task and task.state == IS_DEAD
    bytes = bytes - forget_dead(id, is_dead and task.lane)
    if is_dead then call('DEL', RECORD .. id) end
    number = number - 1
    count(expired and 'dead_expired_total' or 'dead_removed_total', 1)
  end

  local last = is_over() and PRUNED_AT_ONCE - 1 or 0
  for _ = 1, DEAD_PRUNED_A_CALL / PRUNED_AT_ONCE do
    local oldest = call('ZRANGE', DEAD, 0, last, 'WITHSCORES')
    for i = 1, #oldest, 2 do
      local expired = is_expired(oldest[i + 1])
      if not expired and not is_over() then return false end
      prune(oldest[i], expired)
    end
    if number == 0 then return false end
    last = PRUNED_AT_ONCE - 1
  end
  return true
end

local DEAD_RECORD_LEEWAY_MS = 86400000

local function bury(id, lane, ttl)
  call('PEXPIRE', RECORD .. id, ttl + DEAD_RECORD_LEEWAY_MS)
  call('ZADD', DEAD, now, id)
  call('ZADD', DEAD_IN .. lane, now, id)
  count_dead(id)
  count('dead_total', 1)
end

local moments = {}

-- Returns the Unix ms of ttl from now as text: 13 digits, which sort, and which Redis need not
-- rewrite for its append-only file, as it does a time to live.
local function moment(ttl)
  if not moments[ttl] then moments[ttl] = string.format('%013d', now + ttl) end
  return moments[ttl]
end

local sizes = {}

-- Returns what stands for a record in the list of results.
local function result_entry(id, ttl, bytes)
  if not sizes[bytes] then sizes[bytes] = string.format('%09d', bytes) end
  return moment(ttl) .. sizes[bytes] .. id
end

-- Keeps a settled record for ttl ms, or not at all; it has been written with its new state.
local function keep(id, ttl)
  if ttl == 0 then
    call('DEL', RECORD .. id)
  else
    call('PEXPIREAT', RECORD .. id, moment(ttl))
    local bytes = call('STRLEN', RECORD .. id)
    call('RPUSH', RESULTS, result_entry(id, ttl, bytes))
    count('result_bytes', bytes)
  end
end
