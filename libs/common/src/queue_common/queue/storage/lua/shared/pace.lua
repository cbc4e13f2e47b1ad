-- Shared by every script, before lanes.lua: limits that lanes have of their own, and destinations that ask
-- for fewer requests. A module.
--
-- LANE_LIMITS holds "concurrency rate burst" of a lane, each '-' if there is none. A rate is a bucket of
-- `burst` tokens that gets `rate` a second; a task takes one when it is claimed. PACE says when the bucket
-- is full again; a lane that is not there has all its tokens. A destination that asks for a pause takes all
-- tokens until then. The field `paced` of COUNTERS says that there may be such lanes.
local BURST_SECONDS = 0.01 -- workers do not poll for each token of a high rate
local MAX_SLOW_MS = 600000
local NONE = '-'

-- Returns nil for a lane without limits and pauses.
local function of(lane)
  local kept = call('HGET', LANE_LIMITS, lane)
  local full_at = call('ZSCORE', PACE, lane)
  if not kept and not full_at then return nil end
  local concurrency, rate, burst = string.match(kept or '- - -', '^(%S+) (%S+) (%S+)$')
  rate = tonumber(rate)
  return {
    lane = lane, concurrency = tonumber(concurrency), interval = rate and 1000000 / rate or 0,
    burst = rate and math.max(tonumber(burst), math.ceil(rate * BURST_SECONDS)) or 1,
    full_at = tonumber(full_at or 0),
  }
end

-- Returns the time of a lane's next token in Unix ms.
local function next_at(pace)
  return math.ceil((pace.full_at - (pace.burst - 1) * pace.interval) / 1000)
end

-- Returns how many tokens a lane has.
local function tokens(pace)
  local missing = math.max(pace.full_at - now_us, 0)
  if pace.interval == 0 then return missing > 0 and 0 or math.huge end
  return math.max(math.floor(pace.burst - missing / pace.interval + 1e-6), 0)
end

local function take(pace, tasks)
  if pace.interval == 0 or tasks == 0 then return end
  pace.full_at = math.max(pace.full_at, now_us) + tasks * pace.interval
  call('ZADD', PACE, string.format('%.0f', pace.full_at), pace.lane)
end

-- Lets a lane have no token for a time.
local function slow(lane, ms)
  local pace = of(lane) or {burst = 1, interval = 0}
  local full_at = now_us + math.min(ms, MAX_SLOW_MS) * 1000 + (pace.burst - 1) * pace.interval
  call('ZADD', PACE, 'GT', string.format('%.0f', full_at), lane)
  call('HSET', COUNTERS, 'paced', 1)
end

-- Keeps a lane that somebody has paused or limited in LANES_SET, by which it is listed.
local function note(lane)
  if call('SISMEMBER', PAUSED, lane) == 1 or call('HEXISTS', LANE_LIMITS, lane) == 1 then
    call('ZADD', LANES_SET, 0, lane)
  else
    call('ZREM', LANES_SET, lane)
  end
end

-- Sets a lane's limits, nil for none, in place of those it had; it then has all its tokens.
local function set(lane, concurrency, rate, burst)
  call('ZREM', PACE, lane)
  if not concurrency and not rate then
    call('HDEL', LANE_LIMITS, lane)
    return note(lane)
  end
  local kept = {concurrency or NONE, rate or NONE, rate and burst or NONE}
  call('HSET', LANE_LIMITS, lane, table.concat(kept, ' '))
  note(lane)
  call('HSET', COUNTERS, 'paced', 1)
end

-- Forgets what has passed; renewals call it.
local function tidy()
  if call('HEXISTS', COUNTERS, 'paced') == 0 then return end
  local full = call('ZRANGEBYSCORE', PACE, '-inf', now_us, 'LIMIT', 0, 1000)
  if #full > 0 then call('ZREM', PACE, unpack(full)) end
  if call('EXISTS', PACE, LANE_LIMITS, THROTTLED) == 0 then call('HDEL', COUNTERS, 'paced') end
end

return {
  of = of, next_at = next_at, tokens = tokens, take = take, slow = slow, set = set, note = note,
  tidy = tidy,
}
