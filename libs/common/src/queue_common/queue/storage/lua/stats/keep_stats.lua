-- Stores what a scan of the lanes found, for all processes.
--
-- KEYS[1]  the queue
-- ARGV     what was found, for how long it is kept (ms)
-- Cost     O(1)
begin_writing()
call('SET', STATS, ARGV[1], 'PX', tonumber(ARGV[2]))
