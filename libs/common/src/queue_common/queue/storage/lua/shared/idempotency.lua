-- Shared by every script, after the prelude: names that clients give their requests.
-- A module: what it returns is `idempotency`.
--
-- A name is remembered for a while with the request's digest and its task's id. A task that dies or is
-- cancelled frees its name. Nothing is paid here for a task without one, except one command of a script
-- that ends tasks so.
local OTHER_CONTENT, MAX_REMOVED = -9, 3
local MOMENT_DIGITS, NAME_DIGITS = 13, 32

-- Reads what stands in the place of a task's delay if it has a name: the delay, the name's hash, for how
-- long it is remembered (ms) and how many names are.
local function read(text)
  local delay, name, ttl, max = string.match(text, '^(%d+) (%x+) (%d+) (%d+)$')
  return tonumber(delay), {name = name, ttl = tonumber(ttl), max = tonumber(max)}
end

local function id_of(name)
  local kept = call('GET', IDEMPOTENT .. name)
  return kept and string.sub(kept, DIGEST_BYTES + 1), kept and string.sub(kept, 1, DIGEST_BYTES)
end

-- Returns the id of the task that has the name already, OTHER_CONTENT if its request was another, nil if
-- the name is free or this task's own.
local function find(once, id, digest)
  local first, first_digest = id_of(once.name)
  if not first or first == id then return nil end
  return first_digest == digest and first or OTHER_CONTENT
end

local function remove(name, id)
  if id_of(name) == id then call('DEL', IDEMPOTENT .. name) end
  call('HDEL', IDEMPOTENT_NAMES, id)
end

-- Removes the oldest names: those past their time, or over the bound.
local function prune(max)
  for _ = 1, MAX_REMOVED do
    local oldest = call('LINDEX', IDEMPOTENT_ORDER, 0)
    if not oldest then return end
    local expired = tonumber(string.sub(oldest, 1, MOMENT_DIGITS)) <= now
    if not expired and call('LLEN', IDEMPOTENT_ORDER) <= max then return end
    call('LPOP', IDEMPOTENT_ORDER)
    remove(string.sub(oldest, MOMENT_DIGITS + 1, MOMENT_DIGITS + NAME_DIGITS),
           string.sub(oldest, MOMENT_DIGITS + NAME_DIGITS + 1))
    if not expired then count('idempotent_removed_total', 1) end
  end
end

local function claim(once, id, digest)
  if not call('SET', IDEMPOTENT .. once.name, digest .. id, 'NX', 'PX', once.ttl) then return end
  call('HSET', IDEMPOTENT_NAMES, id, once.name)
  call('RPUSH', IDEMPOTENT_ORDER, string.format('%013d', now + once.ttl) .. once.name .. id)
  prune(once.max)
  call('PEXPIRE', IDEMPOTENT_NAMES, once.ttl)
  call('PEXPIRE', IDEMPOTENT_ORDER, once.ttl)
end

local any = nil

-- Frees the name of a task that ends without a delivery.
local function free(id)
  if any == nil then any = call('EXISTS', IDEMPOTENT_NAMES) == 1 end
  local name = any and call('HGET', IDEMPOTENT_NAMES, id)
  if name then remove(name, id) end
end

return {read = read, find = find, claim = claim, free = free}
