-- Says that somebody watches events, from now on for a while.
--
-- KEYS[1]  the queue
-- ARGV     for how long (ms)
-- Result   the id of the last event, '0-0' if there is none
-- Cost     O(1)
call('HSET', COUNTERS, 'watched_until', now + tonumber(ARGV[1]))
local last = call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)
return last[1] and last[1][1] or '0-0'
