-- Moves due tasks into their lanes; part of claim.lua.
local MAX_PROMOTED = 200

-- One lane at a time, the one with the earliest due time first.
local function promote_due_tasks()
  local moved = 0
  while moved < MAX_PROMOTED do
    local lane = call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, 1)[1]
    if not lane then return end
    local ids = call('ZRANGEBYSCORE', SCHEDULED .. lane, '-inf', now, 'LIMIT', 0, MAX_PROMOTED - moved)
    if #ids > 0 then
      call('ZREM', SCHEDULED .. lane, unpack(ids))
      -- The record keeps its due time, which is the time since which the task waits. A key that holds
      -- no record must not block the other tasks, hence pcall.
      for _, id in ipairs(ids) do redis.pcall('SETRANGE', RECORD .. id, 0, STATE_QUEUED) end
      count('scheduled', -#ids)
      push(lane, ids)
      moved = moved + #ids
    end
    update_due(lane)
  end
end
