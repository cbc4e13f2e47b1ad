-- How a claim takes suspects; a module of claim.lua.
--
-- One worker at a time runs a suspect alone: it claims nothing until all its claims are settled, then
-- the suspect, then nothing until that is settled. The next suspect waits for as long as this took, so
-- that a single worker has half of its time for the other tasks. In COUNTERS:
--
--   alone        the lease of that worker, while it is alive
--   alone_id     the suspect, once it is claimed
--   alone_since  Unix ms at which the worker began to claim nothing more
--   alone_after  Unix ms before which no further one begins
--   look_after   Unix ms before which no claim searches for suspects, because none could be claimed
local MAX_LANES, RETRY_MS, MAX_ALONE_REST_MS = 20, 100, 60000
-- A worker that takes longer claims other tasks again: a claim that never ends must not block it.
local MAX_ALONE_MS = 600000

local function end_alone(since)
  call('HDEL', COUNTERS, 'alone', 'alone_id', 'alone_since')
  if since then
    local took = math.min(math.max(now - since, 0), MAX_ALONE_REST_MS)
    call('HSET', COUNTERS, 'alone_after', now + took)
  end
end

-- Returns true if the suspect was claimed, nil if there is no room for it.
local function claim_suspect(worker, lane, id)
  local record = worker.read(id)
  if record == nil then return nil end
  remove_suspects(lane, {id})
  if type(record) ~= 'string' or string.sub(record, 1, 1) ~= STATE_SUSPECT then
    count('missing_total', 1)
    if project_of(lane) then projects.use(project_of(lane), -1, 0, 0) end
    return false
  end
  call('SETRANGE', RECORD .. id, 0, struct.pack('>c1I8', STATE_ACTIVE, now))
  call('HSET', CLAIMED .. worker.lease, id, lane)
  call('HINCRBY', IN_FLIGHT, lane, 1)
  if project_of(lane) then projects.use(project_of(lane), 0, 0, 1) end
  count('active', 1)
  local own = pace.of(lane)
  if own then pace.take(own, 1) end
  for _, part in ipairs({id, lane, record}) do worker.reply[#worker.reply + 1] = part end
  return true
end

-- Returns the first suspect of the lane that has its turn, and how many workers died under it.
local function next_suspect(limit)
  local lane = call('ZRANGE', SUSPECT_LANES, 0, 0)[1]
  call('ZADD', SUSPECT_LANES, now_us, lane)
  now_us = now_us + 1
  local head = call('ZRANGE', SUSPECTED .. lane, 0, 0, 'WITHSCORES')
  local in_flight, health = tonumber(call('HGET', IN_FLIGHT, lane) or 0), health_of(lane)
  local rests = health and (in_flight >= health.room or health.probe_at > now)
  local own = pace.of(lane)
  if own then
    limit = own.concurrency or limit
    rests = rests or pace.tokens(own) == 0
  end
  if rests or in_flight >= limit or call('SISMEMBER', PAUSED, lane) == 1 then return nil end
  return lane, head[1], tonumber(head[2])
end

-- Returns how many were claimed, and true if the worker must claim nothing else.
local function find_suspects(worker, may_begin, waits_alone)
  local taken, in_vain, lanes = 0, 0, call('ZCARD', SUSPECT_LANES)
  for _ = 1, MAX_LANES do
    if taken >= worker.wanted or in_vain >= lanes then break end
    in_vain = in_vain + 1
    local lane, id, interrupted = next_suspect(worker.limit)
    local group = lane and group_of(interrupted, worker.max_tasks)
    if lane and group <= 1 and may_begin then
      call('HSET', COUNTERS, 'alone', worker.lease)
      call('HSETNX', COUNTERS, 'alone_since', now)
      if not worker.idle or taken > 0 then return taken, true end
      if claim_suspect(worker, lane, id) then
        call('HSET', COUNTERS, 'alone_id', id)
        return 1, true
      end
      end_alone()
    elseif lane and group > 1 and not waits_alone and worker.suspects + taken < group then
      local claimed = claim_suspect(worker, lane, id)
      if claimed == nil then break end
      lanes = call('ZCARD', SUSPECT_LANES)
      if claimed then taken, in_vain = taken + 1, 0 end
    end
  end
  return taken, false
end

-- Returns how many suspects were claimed, and true if the worker must claim nothing else.
local function claim_suspects(worker)
  begin_writing()
  local alone = call('HMGET', COUNTERS, 'alone', 'alone_id', 'alone_since', 'alone_after', 'look_after')
  local by = alone[1]
  if by == worker.lease then
    local since = tonumber(alone[3] or 0)
    if not worker.idle and now - since < MAX_ALONE_MS then return 0, true end
    if worker.idle and not alone[2] then
      local taken, halts = find_suspects(worker, true, true)
      if halts then return taken, true end
    end
    end_alone((alone[2] or not worker.idle) and since)
    return 0, false
  end
  if now < tonumber(alone[5] or 0) then return 0, false end
  if by and not call('ZSCORE', WORKERS, by) then
    end_alone()
    by = false
  end
  local may_begin = not by and now >= tonumber(alone[4] or 0)
  local taken, halts = find_suspects(worker, may_begin, false)
  if taken == 0 then call('HSET', COUNTERS, 'look_after', now + RETRY_MS) end
  return taken, halts
end

return {claim = claim_suspects}
