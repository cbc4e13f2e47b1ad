-- What the last attempts of a lane came to; a module.
--
-- An entry of LANE_RECENT is {number of its PERIOD_MS, delivered and failed in it, the same of the period
-- before, outcome, status}, MessagePack.
local recent = {PERIOD_MS = 300000}

-- Returns delivered and failed attempts of the last two periods, the last outcome and status.
function recent.of(lane)
  local kept = call('HGET', LANE_RECENT, lane)
  if not kept then return 0, 0, '', '' end
  local entry, period = cmsgpack.unpack(kept), math.floor(now / recent.PERIOD_MS)
  if entry[1] == period then return entry[2] + entry[4], entry[3] + entry[5], entry[6], entry[7] end
  if entry[1] == period - 1 then return entry[2], entry[3], entry[6], entry[7] end
  return 0, 0, entry[6], entry[7]
end

-- Keeps a lane in LANE_TROUBLE while attempts of it fail.
function recent.note(lane)
  local delivered, failed = recent.of(lane)
  if failed == 0 then return call('ZREM', LANE_TROUBLE, lane) end
  return call('ZADD', LANE_TROUBLE, math.floor(1000 * failed / (delivered + failed)), lane)
end

return recent
