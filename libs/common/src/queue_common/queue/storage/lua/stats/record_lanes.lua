-- Adds what a process has seen of lanes' attempts.
--
-- KEYS[1]  the queue
-- ARGV     per lane: name, delivered and failed attempts, outcome and status of the last one ('' for none)
-- Result   nothing
-- Cost     O(log lanes) a lane: 5 commands; max 100 old lanes removed, and 20 looked at that may not be in
--          trouble any more. The module recent stands before this file.
local MAX_LANES, MAX_REMOVED, MAX_AGE_MS, LOOKED_AT = 20000, 100, 86400000, 20
local period = math.floor(now / recent.PERIOD_MS)

local function read(lane)
  local kept = call('HGET', LANE_RECENT, lane)
  local entry = kept and cmsgpack.unpack(kept) or {period, 0, 0, 0, 0}
  if entry[1] == period - 1 then return {period, 0, 0, entry[2], entry[3]} end
  if entry[1] ~= period then return {period, 0, 0, 0, 0} end
  return entry
end

for i = 1, #ARGV, 5 do
  local entry = read(ARGV[i])
  entry[2], entry[3] = entry[2] + tonumber(ARGV[i + 1]), entry[3] + tonumber(ARGV[i + 2])
  entry[6], entry[7] = ARGV[i + 3], ARGV[i + 4]
  call('HSET', LANE_RECENT, ARGV[i], cmsgpack.pack(entry))
  call('ZADD', LANE_RECENT_AT, now, ARGV[i])
  recent.note(ARGV[i])
end

local over = math.max(call('ZCARD', LANE_RECENT_AT) - MAX_LANES, 0)
for i, lane in ipairs(call('ZRANGE', LANE_RECENT_AT, 0, MAX_REMOVED - 1)) do
  local at = tonumber(call('ZSCORE', LANE_RECENT_AT, lane))
  if i > over and at > now - MAX_AGE_MS then break end
  call('ZREM', LANE_RECENT_AT, lane)
  call('ZREM', LANE_TROUBLE, lane)
  call('HDEL', LANE_RECENT, lane)
end
for _, lane in ipairs(call('ZRANDMEMBER', LANE_TROUBLE, LOOKED_AT)) do recent.note(lane) end
