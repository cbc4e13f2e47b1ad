-- Renews a lease and clears what has outlived its time.
--
-- KEYS[1]  the queue
-- ARGV     lease, its length in ms, most settled records, how long a dead letter is kept (ms),
--          most dead letters
-- Result   {1 renewed or 0 ended, ms until the first lease ends (0: one has ended, tasks are to be
--          given back), tasks claimed under the lease}
-- Cost     O(log workers), and at most 100 settled and 100 dead records removed.
local lease, length = ARGV[1], tonumber(ARGV[2])
local renewed = 0
begin_writing()
if call('ZSCORE', WORKERS, lease) then
  call('ZADD', WORKERS, now + length, lease)
  renewed = 1
end
prune_done(tonumber(ARGV[3]))
prune_dead(tonumber(ARGV[4]), tonumber(ARGV[5]))
local first = call('ZRANGE', WORKERS, 0, 0, 'WITHSCORES')
local wait = first[2] and math.max(first[2] - now, 0) or length
if call('EXISTS', LOST) == 1 then wait = 0 end
return {renewed, wait, call('HLEN', CLAIMED .. lease)}
