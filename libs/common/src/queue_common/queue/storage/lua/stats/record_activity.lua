-- Adds to the stats what a process has counted.
--
-- KEYS[1]  the queue
-- ARGV     per project: name, counts (MessagePack: accepted, delivered, failed, dead, and for waits and
--          attempts a map of buckets to numbers)
-- Result   nothing
-- Cost     O(1) a project: 10 commands
--
-- A ring is a hash of slots: 's0' to 's59' of 5 s, 'h0' to 'h71' of an hour. A slot holds its number
-- (Unix time by its length), and then what ARGV has.
local EXPIRY_MS = 73 * 3600000
local SUM = '*'

local function merge(into, from)
  for bucket, number in pairs(from) do into[bucket] = (into[bucket] or 0) + number end
end

local function add(key, letter, length, slots, counts)
  local slot = math.floor(now / 1000 / length)
  local field = letter .. slot % slots
  local kept = call('HGET', key, field)
  local point = kept and cmsgpack.unpack(kept)
  if not point or point[1] ~= slot then point = {slot, 0, 0, 0, 0, {}, {}} end
  for i = 1, 4 do point[i + 1] = point[i + 1] + counts[i] end
  merge(point[6], counts[5])
  merge(point[7], counts[6])
  call('HSET', key, field, cmsgpack.pack(point))
end

local function record(project, counts)
  local key = RINGS .. project
  add(key, 's', 5, 60, counts)
  add(key, 'h', 3600, 72, counts)
  call('PEXPIRE', key, EXPIRY_MS)
end

for i = 1, #ARGV, 2 do
  local counts = cmsgpack.unpack(ARGV[i + 1])
  if ARGV[i] ~= SUM then record(ARGV[i], counts) end
  record(SUM, counts)
end
