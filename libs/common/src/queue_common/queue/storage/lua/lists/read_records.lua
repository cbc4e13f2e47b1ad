-- Reads records, large ones without the body of their task.
--
-- KEYS[1]  the queue
-- ARGV     ids
-- Result   per id: bytes of the record (0 if there is none), the record; a body that was left out is nil
-- Cost     O(1) an id: at most 20 KB are read of a record with a task. Writes nothing.
local WHOLE_BYTES, HEAD_BYTES, MAX_TAIL = 4096, 16384, 65536

-- Reads the length of a MessagePack value's head: {bytes of the head, length, kind}.
local function text_at(data, at)
  local code = string.byte(data, at)
  if not code then return nil end
  if code >= 0xa0 and code <= 0xbf then return at + 1, code - 0xa0 end
  if code == 0xd9 or code == 0xc4 then return at + 2, string.byte(data, at + 1) end
  if code == 0xda or code == 0xc5 then return at + 3, struct.unpack('>I2', data, at + 1) end
  if code == 0xdb or code == 0xc6 then return at + 5, struct.unpack('>I4', data, at + 1) end
end

local function skip_text(data, at)
  local begin, length = text_at(data, at)
  return begin and begin + length
end

local function skip_headers(data, at)
  local code, pairs_left = string.byte(data, at), nil
  if not code then return nil end
  if code >= 0x80 and code <= 0x8f then
    pairs_left, at = code - 0x80, at + 1
  elseif code == 0xde then
    pairs_left, at = struct.unpack('>I2', data, at + 1), at + 3
  else
    return nil
  end
  for _ = 1, pairs_left * 2 do
    at = at and skip_text(data, at)
  end
  return at
end

-- Returns where the body of a task begins and ends in its payload, counted from 1; nil for anything else.
-- A task is an array: version, url, method, headers, body and more (task.py).
local function body_of(data)
  local code = string.byte(data, 1)
  local at = code and ((code >= 0x90 and code <= 0x9f) and 2 or code == 0xdc and 4) or nil
  if not at then return nil end
  at = skip_text(data, at + 1) -- behind the version, one byte
  at = at and skip_text(data, at)
  at = at and skip_headers(data, at)
  if not at or at + 5 > #data then return nil end
  local begin, length = text_at(data, at)
  if begin then return at, begin + length end
end

local function without_body(id, size)
  local key = RECORD .. id
  local head = call('GETRANGE', key, 0, HEAD_BYTES - 1)
  if not is_ours(head) then return call('GET', key) end
  local lane_bytes = struct.unpack('>I2', head, LANE_BYTES_AT + 1)
  local payload_at = HEADER_BYTES + lane_bytes
  local begin, till = body_of(string.sub(head, payload_at + 1))
  if not begin or size - payload_at - till > MAX_TAIL then return call('GET', key) end
  local _, digest, _, payload_bytes = struct.unpack(IMMUTABLE, head, MUTABLE_BYTES + 1)
  local fields = struct.pack(IMMUTABLE, MAGIC, digest, lane_bytes, payload_bytes - (till - begin) + 1)
  return string.sub(head, 1, MUTABLE_BYTES) .. fields
    .. string.sub(head, HEADER_BYTES + 1, payload_at + begin - 1) .. '\192'
    .. call('GETRANGE', key, payload_at + till - 1, -1)
end

local found = {}
for _, id in ipairs(ARGV) do
  local size = redis.pcall('STRLEN', RECORD .. id)
  if type(size) ~= 'number' then size = 0 end
  found[#found + 1] = size
  if size == 0 then
    found[#found + 1] = ''
  else
    found[#found + 1] = size > WHOLE_BYTES and without_body(id, size) or call('GET', RECORD .. id)
  end
end
return found
