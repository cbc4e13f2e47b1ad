-- Shared by every script, after the prelude: how long settled tasks and dead letters are kept.
-- A module: what it returns is `retention`.
local PRUNE_BATCH, MAX_DEAD_PRUNED = 100, 1000

-- Returns the bytes that records of a kind take, and how many they may.
local function kept_bytes(kind)
  local bytes = call('HMGET', COUNTERS, kind .. '_bytes', kind .. '_max_bytes')
  return tonumber(bytes[1] or 0), tonumber(bytes[2] or math.huge)
end

-- Removes delivered and cancelled tasks, oldest first: entries past their time, then those over the
-- bounds, or any if memory is short. Returns whether there may be more to remove.
local function prune_results(max, short)
  local number, pruned, removed, freed = call('LLEN', RESULTS), 0, 0, 0
  if number == 0 then return false end
  local bytes, max_bytes = kept_bytes('result')
  local function is_over() return short or number > max or bytes - freed > max_bytes end
  local function is_expired(entry) return tonumber(string.sub(entry, 1, 13)) <= now end
  if not is_over() and not is_expired(call('LRANGE', RESULTS, 0, 0)[1]) then return false end
  for _, entry in ipairs(call('LRANGE', RESULTS, 0, PRUNE_BATCH - 1)) do
    local expired, id = is_expired(entry), string.sub(entry, 23)
    if not expired and not is_over() then break end
    number, pruned = number - 1, pruned + 1
    freed = freed + tonumber(string.sub(entry, 14, 22))
    -- The id may have been reused since: only a settled record is removed.
    local state = expired and '' or state_of(id)
    if state == STATE_DELIVERED or state == STATE_CANCELLED then
      call('DEL', RECORD .. id)
      removed = removed + 1
    end
  end
  call('LTRIM', RESULTS, pruned, -1)
  count('results_pruned', pruned)
  count('result_bytes', -freed)
  count('results_removed_total', removed)
  return pruned == PRUNE_BATCH
end

-- Records the bytes and the group of a dead letter.
local function count_dead(id, died_at)
  local bytes = redis.pcall('STRLEN', RECORD .. id)
  if type(bytes) ~= 'number' then bytes = 0 end
  local before = tonumber(call('HGET', DEAD_SIZES, id) or 0)
  call('HSET', DEAD_SIZES, id, bytes)
  count('dead_bytes', bytes - before)
  dead_groups.add(id, died_at)
end

-- The dead letters of a project stand together too, under its name as a lane's; those of the default
-- project among all.
local function own_prefix(lane)
  return string.match(lane, '^.-\31')
end

-- Removes a task from the dead letters; its record stays. Returns the record's bytes.
local function forget_dead(id, lane)
  call('ZREM', DEAD, id)
  if lane then
    call('ZREM', DEAD_IN_LANE .. lane, id)
    local prefix = own_prefix(lane)
    if prefix then call('ZREM', DEAD_IN_LANE .. prefix, id) end
  end
  -- A dead letter of the previous release may not be counted yet.
  local bytes = tonumber(call('HGET', DEAD_SIZES, id) or 0)
  call('HDEL', DEAD_SIZES, id)
  dead_groups.remove(id)
  count('dead_bytes', -bytes)
  return bytes
end

-- Removes dead letters, oldest first: those past their time or over the bounds, or any if memory is
-- short. Their records live longer, so that the lane can be read here. Returns whether there may be more
-- to remove.
local function prune_dead(ttl, max, short)
  local number = call('ZCARD', DEAD)
  if number == 0 then return false end
  local bytes, max_bytes = kept_bytes('dead')
  local function is_over() return short or number > max or bytes > max_bytes end
  local function is_expired(died_at) return tonumber(died_at) + ttl <= now end

  local function prune(id, expired)
    local task = read_header(id)
    local is_dead = task and task.state == STATE_DEAD
    bytes = bytes - forget_dead(id, is_dead and task.lane)
    if is_dead then call('DEL', RECORD .. id) end
    number = number - 1
    count(expired and 'dead_expired_total' or 'dead_removed_total', 1)
  end

  local last = is_over() and PRUNE_BATCH - 1 or 0
  for _ = 1, MAX_DEAD_PRUNED / PRUNE_BATCH do
    local oldest = call('ZRANGE', DEAD, 0, last, 'WITHSCORES')
    for i = 1, #oldest, 2 do
      local expired = is_expired(oldest[i + 1])
      if not expired and not is_over() then return false end
      prune(oldest[i], expired)
    end
    if number == 0 then return false end
    last = PRUNE_BATCH - 1
  end
  return true
end

local DEAD_RECORD_LEEWAY_MS = 86400000

local function bury(id, lane, ttl)
  idempotency.free(id)
  call('PEXPIRE', RECORD .. id, ttl + DEAD_RECORD_LEEWAY_MS)
  call('ZADD', DEAD, now, id)
  call('ZADD', DEAD_IN_LANE .. lane, now, id)
  local prefix = own_prefix(lane)
  if prefix then call('ZADD', DEAD_IN_LANE .. prefix, now, id) end
  count_dead(id, now)
  count('dead_total', 1)
end

local moments = {}

-- Returns the Unix ms in `ttl` ms as 13 digits, which sort as text. An absolute time, because Redis
-- rewrites a relative one for its append-only file.
local function moment(ttl)
  if not moments[ttl] then moments[ttl] = string.format('%013d', now + ttl) end
  return moments[ttl]
end

local sizes = {}

-- Returns a record's entry in RESULTS.
local function result_entry(id, ttl, bytes)
  if not sizes[bytes] then sizes[bytes] = string.format('%09d', bytes) end
  return moment(ttl) .. sizes[bytes] .. id
end

-- Keeps a settled record, already written with its new state, for `ttl` ms; deletes it if that is 0.
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

return {
  prune_results = prune_results, count_dead = count_dead, forget_dead = forget_dead, prune_dead = prune_dead,
  bury = bury, result_entry = result_entry, keep = keep, moment = moment,
}
