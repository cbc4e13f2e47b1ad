-- Publishes events, if somebody watches.
--
-- KEYS[1]  the queue
-- ARGV     max events that are kept, how long they are kept after the last (ms), events
-- Result   for how long somebody watches (ms); 0: nobody does, and nothing was published
-- Cost     O(1) an event
local watched = tonumber(call('HGET', COUNTERS, 'watched_until') or 0) - now
if watched <= 0 then return 0 end
for i = 3, #ARGV do call('XADD', EVENTS, 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[i]) end
if #ARGV > 2 then call('PEXPIRE', EVENTS, ARGV[2]) end
return watched
