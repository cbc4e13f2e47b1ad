-- Sets a lane's limits, in place of those it had.
--
-- KEYS[1]  the queue
-- ARGV     lane, then '' for none: concurrency, rate (tasks a second), burst
-- Result   1
-- Cost     O(log lanes). Safe to run again; the lane then has all its tokens.
local lane = ARGV[1]
local function value(i) return ARGV[i] ~= '' and ARGV[i] or nil end
begin_writing()
pace.set(lane, value(2), value(3), value(4))
if call('SREM', FULL, lane) + call('ZREM', THROTTLED, lane) > 0 then
  place(lane)
  wake()
end
return 1
