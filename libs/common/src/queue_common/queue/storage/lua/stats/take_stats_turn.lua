-- Gives one process the turn to scan the lanes for all.
--
-- KEYS[1]  the queue
-- ARGV     for how long no other process gets it (ms)
-- Result   {1 it is yours or 0 it is another's, what keep_stats stored ('' for nothing)}
-- Cost     O(1)
begin_writing()
local mine = call('SET', STATS_TURN, 1, 'NX', 'PX', tonumber(ARGV[1]))
return {mine and 1 or 0, call('GET', STATS) or ''}
