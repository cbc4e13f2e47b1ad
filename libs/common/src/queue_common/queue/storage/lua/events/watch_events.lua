-- Says that somebody watches events, from now on for a while.
--
-- KEYS[1]  the queue
-- ARGV     for how long (ms)
-- Result   the id of the last event, '0-0' if there is none
-- Cost     O(1)
--
-- watched_since says since when events are published without a break: who resumes from before may have
-- missed some. The events are kept as long as they are published.
local until_now = tonumber(call('HGET', COUNTERS, 'watched_until') or 0)
if until_now < now then call('HSET', COUNTERS, 'watched_since', now) end
call('HSET', COUNTERS, 'watched_until', math.max(until_now, now + tonumber(ARGV[1])))
call('PEXPIRE', EVENTS, ARGV[1])
local last = call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)
return last[1] and last[1][1] or '0-0'
