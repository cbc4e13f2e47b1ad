-- Gives a worker its lease and adds its slots to what a lane may have in flight.
--
-- KEYS[1]  the queue
-- ARGV     lease, its length in ms, the worker's concurrency
-- Result   lanes left that were at the old limit: call again while it is not 0
-- Cost     O(1), and O(log lanes) for each of at most 1,000 lanes. Safe to run again.
local lease, length, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
begin_writing()
call('ZADD', WORKERS, now + length, lease)
if call('HSETNX', SLOTS, lease, slots) == 1 then count('slots', slots) end
for _, lane in ipairs(call('SPOP', FULL, 1000)) do place(lane) end
wake()
return call('SCARD', FULL)
