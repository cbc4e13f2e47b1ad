-- Ends a lease when its worker stops. The reaper releases the tasks that it still holds.
--
-- KEYS[1]  the queue
-- ARGV     lease
-- Result   tasks it still held
-- Cost     O(log workers). Safe to run again. The module listened stands before this file.
local lease = ARGV[1]
call('ZREM', WORKERS, lease)
listened.leave(lease)
count('slots', -tonumber(call('HGET', SLOTS, lease) or 0))
call('HDEL', SLOTS, lease)
local held = call('HLEN', CLAIMED .. lease)
if held > 0 then call('SADD', LOST, lease) end
if call('HGET', COUNTERS, 'watch_by') == lease then call('HDEL', COUNTERS, 'watch_at', 'watch_by') end
wake()
return held
