-- Shared by every script, after the prelude: names that clients give their requests.
-- A module: what it returns is `idempotency`.
--
-- A name is remembered for a while with the request's digest and its task's id. A task that dies or is
-- cancelled frees its name. Nothing is paid here for a task without one, except one command of a script
-- that ends tasks so.
local OTHER_CONTENT, MAX_REMOVED = -9, 3 -- names removed for each that is added
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

-- Removes names that tasks have, unless others have them by now.
local function remove(names, ids)
  local kept, gone = call('MGET', unpack(names)), {}
  for i, id in ipairs(ids) do
    if kept[i] and string.sub(kept[i], DIGEST_BYTES + 1) == id then gone[#gone + 1] = names[i] end
  end
  if #gone > 0 then call('DEL', unpack(gone)) end
  call('HDEL', IDEMPOTENT_NAMES, unpack(ids))
end

-- Removes the oldest names: those past their time, or over the bound.
local function prune(max, max_removed)
  local number, names, ids, over = call('LLEN', IDEMPOTENT_ORDER), {}, {}, 0
  local function is_over() return number - #ids > max end
  local function is_expired(entry) return tonumber(string.sub(entry, 1, MOMENT_DIGITS)) <= now end
  if not is_over() and not is_expired(call('LINDEX', IDEMPOTENT_ORDER, 0)) then return end
  for _, entry in ipairs(call('LRANGE', IDEMPOTENT_ORDER, 0, max_removed - 1)) do
    local expired = is_expired(entry)
    if not expired and not is_over() then break end
    if not expired then over = over + 1 end
    names[#names + 1] = IDEMPOTENT .. string.sub(entry, MOMENT_DIGITS + 1, MOMENT_DIGITS + NAME_DIGITS)
    ids[#ids + 1] = string.sub(entry, MOMENT_DIGITS + NAME_DIGITS + 1)
  end
  call('LTRIM', IDEMPOTENT_ORDER, #ids, -1)
  remove(names, ids)
  count('idempotent_removed_total', over)
end

local pairs_added, entries, added = {}, {}, nil

-- Gives a task its name, if that is free; finish_claims writes the rest.
local function claim(once, id, digest)
  if not call('SET', IDEMPOTENT .. once.name, digest .. id, 'NX', 'PX', once.ttl) then return end
  pairs_added[#pairs_added + 1] = id
  pairs_added[#pairs_added + 1] = once.name
  entries[#entries + 1] = string.format('%013d', now + once.ttl) .. once.name .. id
  added = once
end

local function finish_claims()
  if not added then return end
  call('HSET', IDEMPOTENT_NAMES, unpack(pairs_added))
  call('RPUSH', IDEMPOTENT_ORDER, unpack(entries))
  prune(added.max, MAX_REMOVED * #entries)
  call('PEXPIRE', IDEMPOTENT_NAMES, added.ttl)
  call('PEXPIRE', IDEMPOTENT_ORDER, added.ttl)
end

local any = nil

-- Frees the name of a task that ends without a delivery.
local function free(id)
  if any == nil then any = call('EXISTS', IDEMPOTENT_NAMES) == 1 end
  local name = any and call('HGET', IDEMPOTENT_NAMES, id)
  if name then remove({IDEMPOTENT .. name}, {id}) end
end

return {read = read, find = find, claim = claim, finish_claims = finish_claims, free = free}
