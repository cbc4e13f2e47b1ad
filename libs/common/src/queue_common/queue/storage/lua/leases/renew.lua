-- Renews a lease, sets the bounds in bytes, and removes settled tasks over their bounds.
--
-- KEYS[1]  the queue
-- ARGV     lease, its length in ms, max settled records, how long a dead letter is kept (ms), max
--          dead letters, max bytes of settled records and of dead letters (-1: by Redis' maxmemory)
-- Result   {1 renewed or 0 ended, ms until the first lease ends (0: one has ended, its tasks
--          must be released; max 10 if there is more to remove), tasks claimed under the lease, workers
--          (0: the server is short of memory), 1 if something is in the outbox}
-- Cost     O(log workers), and at most 100 settled and 1,000 dead records removed, 100 dead ones
--          counted.
local lease, length = ARGV[1], tonumber(ARGV[2])
local SHORT_OF_MEMORY, CLEAR_AGAIN_MS = 0.8, 10
local renewed = 0
begin_writing()
if call('ZSCORE', WORKERS, lease) then
  call('ZADD', WORKERS, now + length, lease)
  renewed = 1
end

-- A server that forbids INFO counts as one without a limit.
local info = redis.pcall('INFO', 'memory')
local function memory(field)
  return type(info) == 'string' and tonumber(string.match(info, '\n' .. field .. ':(%d+)')) or 0
end
local max_memory = memory('maxmemory')

local function max_bytes(asked, share, without_limit)
  if tonumber(asked) >= 0 then return asked end
  return max_memory > 0 and math.floor(max_memory * share) or without_limit
end
call('HSET', COUNTERS, 'result_max_bytes', max_bytes(ARGV[6], 0.1, 104857600),
     'dead_max_bytes', max_bytes(ARGV[7], 0.25, 268435456))

-- The previous release records no sizes and groups of dead letters, and removes dead letters without them.
-- Nothing is found here once all processes run this release.
local function compare_dead()
  for _, kept in ipairs({DEAD_SIZES, DEAD_GROUP_OF}) do
    for _, id in ipairs(call('HRANDFIELD', kept, 10)) do
      if not call('ZSCORE', DEAD, id) then retention.forget_dead(id) end
    end
  end
  local number = call('ZCARD', DEAD)
  if call('HLEN', DEAD_SIZES) == number and call('HLEN', DEAD_GROUP_OF) == number then return end
  local from = tonumber(call('HGET', COUNTERS, 'dead_compared') or 0)
  local found = call('ZRANGE', DEAD, from, from + 99, 'WITHSCORES')
  for i = 1, #found, 2 do
    if call('HEXISTS', DEAD_GROUP_OF, found[i]) == 0 or call('HEXISTS', DEAD_SIZES, found[i]) == 0 then
      retention.count_dead(found[i], found[i + 1])
    end
  end
  call('HSET', COUNTERS, 'dead_compared', #found < 200 and 0 or from + 100)
end

compare_dead()
-- The previous release listed delivered tasks there; their records expire.
call('UNLINK', OLD_RESULTS)
-- Settled tasks are removed before new ones are refused.
local short = max_memory > 0 and memory('used_memory') > max_memory * SHORT_OF_MEMORY
local more_results = retention.prune_results(tonumber(ARGV[3]), short)
local more_dead = retention.prune_dead(tonumber(ARGV[4]), tonumber(ARGV[5]), short)
-- Workers of the previous release take wake-up tokens and count no project's active tasks: what waits for
-- both goes on here.
local full = call('SRANDMEMBER', FULL_PROJECTS)
if full then
  local max = tonumber(call('HGET', PROJECT .. full, 'max_in_flight') or math.huge)
  if projects.recount_in_flight(full) < max then projects.reopen(full) end
end
if call('EXISTS', READY, READY_TRIAL, READY_RESTING) > 0 then wake() end

pace.tidy()

local first = call('ZRANGE', WORKERS, 0, 0, 'WITHSCORES')
local wait = first[2] and math.max(first[2] - now, 0) or length
if more_results or more_dead then wait = math.min(wait, CLEAR_AGAIN_MS) end
if call('EXISTS', LOST) == 1 then wait = 0 end
return {renewed, wait, call('HLEN', CLAIMED .. lease), short and 0 or call('ZCARD', WORKERS),
        call('EXISTS', OUTBOX)}
