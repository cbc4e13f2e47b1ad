-- Stands before the scripts that tell how long tasks have waited.

-- Returns the Unix ms since which a task has been due; nil if its id is a tombstone or it does not wait.
local function waiting_since(id)
  local head = redis.pcall('GETRANGE', RECORD .. id, 0, HEADER_BYTES - 1)
  if is_ours(head) and string.sub(head, 1, 1) == STATE_QUEUED then
    return struct.unpack('>I8', head, SINCE_AT + 1)
  end
end
