-- Lists the ids of waiting or scheduled tasks, lane after lane in lexical order.
--
-- KEYS[1]  the queue
-- ARGV     state: queued (in the order of their turn) or scheduled (in the order of their due time),
--          lane to begin in ('' for the first), entries of it to skip, max ids,
--          1 to stay in that lane
-- Result   {lane to go on in, entries of it to skip (-1: that was all), ids...}
-- Cost     O(page), and at most 200 lanes a call
local state, lane, skip = ARGV[1], ARGV[2], tonumber(ARGV[3])
local max, stay = tonumber(ARGV[4]), ARGV[5] == '1'
local ids = {}

local function page()
  local till = skip + max - #ids - 1
  if state == STATE_SCHEDULED then return call('ZRANGE', SCHEDULED .. lane, skip, till) end
  local found = call('LRANGE', WAITING .. lane, skip, till)
  if #found <= till - skip then
    -- A lane's suspects follow its list.
    local before = call('LLEN', WAITING .. lane)
    local suspects = call('ZRANGE', SUSPECTED .. lane, math.max(skip - before, 0), till - before)
    for _, id in ipairs(suspects) do found[#found + 1] = id end
  end
  return found
end

local lanes = stay and {lane} or call('ZRANGEBYLEX', LANES, '[' .. lane, '+', 'LIMIT', 0, 200)
for _, name in ipairs(lanes) do
  if name ~= lane then lane, skip = name, 0 end
  for _, id in ipairs(page()) do
    ids[#ids + 1] = id
    skip = skip + 1
  end
  if #ids >= max then return {lane, skip, unpack(ids)} end
end
if stay or #lanes < 200 then skip = -1 end
return {lane, skip, unpack(ids)}
