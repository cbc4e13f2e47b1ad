-- Renews a listener's lease and hands it the next task of its lane.
--
-- KEYS[1]  the queue
-- ARGV     lease, its length in ms, max tasks that it holds
-- Result   nil if the lease has ended, else {} or {id, lane, record as it was before}
-- Cost     O(log workers), about 8 commands a task; max 100 due tasks and 100 tombstones
--          The module listened stands before this file.
local lease, length, max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local MAX_STEPS = 100
if not call('ZSCORE', WORKERS, lease) then return nil end
local lane, paused = listened.lane_of(lease)
if not lane then return nil end
begin_writing()
call('ZADD', WORKERS, now + length, lease)
if paused or call('HEXISTS', COUNTERS, 'paused') == 1 then return {} end
if call('HLEN', CLAIMED .. lease) >= max then return {} end

-- Without a worker nobody else moves the lane's due tasks.
local due = call('ZRANGEBYSCORE', SCHEDULED .. lane, '-inf', now, 'LIMIT', 0, MAX_STEPS)
if #due > 0 then
  call('ZREM', SCHEDULED .. lane, unpack(due))
  for _, id in ipairs(due) do redis.pcall('SETRANGE', RECORD .. id, 0, STATE_QUEUED) end
  count('scheduled', -#due)
  push(lane, due)
  update_due(lane)
end

local project = project_of(lane)

local function claim(id, record)
  call('SETRANGE', RECORD .. id, 0, struct.pack('>c1I8', STATE_ACTIVE, now))
  call('HSET', CLAIMED .. lease, id, lane)
  call('HINCRBY', IN_FLIGHT, lane, 1)
  if project then projects.use(project, 0, 0, 1) end
  count('active', 1)
  count('queued', -1)
  return {id, lane, record}
end

local function drop_tombstone()
  if call('HEXISTS', TOMBSTONES, lane) == 0 then
    count('queued', -1)
    count('missing_total', 1)
    if project then projects.use(project, -1, 0, 0) end
  elseif call('HINCRBY', TOMBSTONES, lane, -1) <= 0 then
    call('HDEL', TOMBSTONES, lane)
  end
end

local function next_task()
  for _ = 1, MAX_STEPS do
    local id = call('LPOP', WAITING .. lane)
    if not id then
      forget_if_empty(lane)
      return {}
    end
    local record = redis.pcall('GET', RECORD .. id)
    if is_ours(record) and waits_in(record, lane) then return claim(id, record) end
    if record and not is_ours(record) then
      -- A worker can settle it, a listener cannot: it stays in front.
      call('LPUSH', WAITING .. lane, id)
      return {}
    end
    drop_tombstone()
  end
  return {}
end

local reply = next_task()
finish_projects()
return reply
