-- Reads the workers with a live lease.
--
-- KEYS[1]  the queue
-- ARGV     max workers
-- Result   per worker: {lease, Unix ms at which it ends, concurrency, tasks claimed under it}
-- Cost     O(log workers) and 2 commands a worker. Writes nothing.
local leases = call('ZRANGEBYSCORE', WORKERS, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[1]))
local rows = {}
for i = 1, #leases, 2 do
  rows[#rows + 1] = {
    leases[i], tonumber(leases[i + 1]), tonumber(call('HGET', SLOTS, leases[i]) or 0),
    call('HLEN', CLAIMED .. leases[i]),
  }
end
return rows
