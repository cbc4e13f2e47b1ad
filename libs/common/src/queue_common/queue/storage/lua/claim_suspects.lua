-- How a claim takes suspects; between suspects.lua and claim.lua.
--
-- One worker at a time runs a suspect alone: it claims nothing more until all it holds is settled, then
-- the suspect, then nothing until that is settled. For as long as this took others wait with theirs,
-- so that a worker that is alone has half of its time for the other tasks. In the hash n:
--
--   alone        the lease of that worker, while it is alive
--   alone_id     the suspect, once it is claimed
--   alone_since  Unix ms at which the worker began to claim nothing more
--   alone_after  Unix ms before which no further one begins
--   look_after   Unix ms before which nobody looks for suspects, for there were none to be claimed
local LANES_A_LOOK, LOOK_MS, MAX_ALONE_REST_MS = 20, 100, 60000
-- A worker that takes longer goes on: a claim that it cannot end must not stop it.
local MAX_ALONE_MS = 600000

local function end_alone(since)
  call('HDEL', N, 'alone', 'alone_id', 'alone_since')
  if since then
    local took = math.min(math.max(now - since, 0), MAX_ALONE_REST_MS)
    call('HSET', N, 'alone_after', now + took)
  end
end

-- Returns true where the suspect was claimed, nil where there is no room for it.
local function claim_suspect(worker, lane, id)
  local record = worker.read(id)
  if record == nil then return nil end
  remove_suspects(lane, {id})
  if type(record) ~= 'string' or string.sub(record, 1, 1) ~= SUSPECT then
    count('missing_total', 1)
    return false
  end
  call('SETRANGE', RECORD .. id, 0, struct.pack('>c1I8', ACTIVE, now))
  call('HSET', CLAIMED .. worker.lease, id, lane)
  call('HINCRBY', INFLIGHT, lane, 1)
  count('active', 1)
  for _, part in ipairs({id, lane, record}) do worker.reply[#worker.reply + 1] = part end
  return true
end

-- Returns the first suspect of the lane that has its turn, and how many workers died under it.
local function next_suspect(limit)
  local lane = call('ZRANGE', SUSPECTS, 0, 0)[1]
  call('ZADD', SUSPECTS, now_us, lane)
  now_us = now_us + 1
  local head = call('ZRANGE', SUSPECTED .. lane, 0, 0, 'WITHSCORES')
  local flying, health = tonumber(call('HGET', INFLIGHT, lane) or 0), health_of(lane)
  local rests = health and (flying >= health.room or health.probe_at > now)
  if rests or flying >= limit or call('SISMEMBER', PAUSED, lane) == 1 then return nil end
  return lane, head[1], tonumber(head[2])
end

-- Returns how many were claimed, and true where the worker must claim nothing else.
local function look_for_suspects(worker, may_begin, waits_alone)
  local taken, in_vain, lanes = 0, 0, call('ZCARD', SUSPECTS)
  for _ = 1, LANES_A_LOOK do
    if taken >= worker.wanted or in_vain >= lanes then break end
    in_vain = in_vain + 1
    local lane, id, interrupted = next_suspect(worker.limit)
    local group = lane and group_of(interrupted, worker.max_tasks)
    if lane and group <= 1 and may_begin then
      call('HSET', N, 'alone', worker.lease)
      call('HSETNX', N, 'alone_since', now)
      if not worker.idle or taken > 0 then return taken, true end
      if claim_suspect(worker, lane, id) then
        call('HSET', N, 'alone_id', id)
        return 1, true
      end
      end_alone()
    elseif lane and group > 1 and not waits_alone and worker.suspects + taken < group then
      local claimed = claim_suspect(worker, lane, id)
      if claimed == nil then break end
      lanes = call('ZCARD', SUSPECTS)
      if claimed then taken, in_vain = taken + 1, 0 end
    end
  end
  return taken, false
end

-- Returns how many suspects were claimed, and true where the worker must claim nothing else.
local function claim_suspects(worker)
  begin_writing()
  local alone = call('HMGET', N, 'alone', 'alone_id', 'alone_since', 'alone_after', 'look_after')
  local by = alone[1]
  if by == worker.lease then
    local since = tonumber(alone[3] or 0)
    if not worker.idle and now - since < MAX_ALONE_MS then return 0, true end
    if worker.idle and not alone[2] then
      local taken, halts = look_for_suspects(worker, true, true)
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
  local taken, halts = look_for_suspects(worker, may_begin, false)
  if taken == 0 then call('HSET', N, 'look_after', now + LOOK_MS) end
  return taken, halts
end
