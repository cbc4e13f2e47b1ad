-- Which lanes have a listener in the workers' place; a module. Such a lane is in PAUSED, which keeps it
-- from the workers at no cost to them. LISTENERS holds, per lease, '1' if an operator has paused the lane
-- too or else '0', and the lane.
local listened = {}

-- Returns the lane and whether an operator has paused it; nothing if the lease is no listener's.
function listened.lane_of(lease)
  local kept = call('HGET', LISTENERS, lease)
  if kept then return string.sub(kept, 2), string.sub(kept, 1, 1) == '1' end
end

-- Returns the lease of a lane's listener. There are few listeners: all are looked at.
function listened.by(lane)
  if call('SISMEMBER', PAUSED, lane) == 0 then return nil end
  local all = call('HGETALL', LISTENERS)
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 2) == lane then return all[i] end
  end
end

function listened.set(lease, lane, paused)
  call('HSET', LISTENERS, lease, (paused and '1' or '0') .. lane)
end

-- Gives a lane back to the workers, unless an operator has paused it.
function listened.leave(lease)
  local lane, paused = listened.lane_of(lease)
  if not lane then return end
  call('HDEL', LISTENERS, lease)
  if paused then return end
  call('SREM', PAUSED, lane)
  pace.note(lane)
  if call('EXISTS', WAITING .. lane) == 1 and place(lane) then wake() end
end

return listened
