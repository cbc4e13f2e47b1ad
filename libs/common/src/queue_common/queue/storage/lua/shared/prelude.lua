-- Stands before every script: key names, the record's layout, and the moves that scripts share.
--
-- KEYS[1] is the queue's hash tag, {name}. All keys of a queue begin with it, so that they are in one
-- slot of a Redis Cluster and a script may derive their names. storage/keys.py has the same table.
--
-- Invariant: a lane with a non-empty list is in exactly one of RING, TRIAL, RESTING, FULL, THROTTLED,
-- PAUSED. A lane of a project other than `default` is in RING_OF, TRIAL_OF, RESTING_OF of its project
-- instead of the first three; the previous release puts it into those, from where it is served too.
local Q = KEYS[1] .. ':'
local RECORD = Q .. 't:'             -- string: the record of one task (record.py)
local WHOLE = Q .. 'f:'              -- string: a delivered task's record as it was, for RESULT_FULL_TTL
local REPLAYS = Q .. 'replays:'      -- zset: the last tasks that repeat one, by the time of that
local WAITING = Q .. 'l:'            -- list: ids that wait in one lane, the next in front
local SCHEDULED = Q .. 's:'          -- zset: ids scheduled in one lane, by due time
local SUSPECTED = Q .. 'u:'          -- zset: suspects of one lane, by the workers that died under each
local CLAIMED = Q .. 'w:'            -- hash: ids claimed under one lease -> their lane
local DEAD_IN_LANE = Q .. 'd:'       -- zset: dead letters of one lane, by the time they died
local COUNTERS = Q .. 'n'            -- hash: counters and switches
local LANES = Q .. 'lanes'           -- zset: lanes with waiting, scheduled or active tasks, lexical
local RING = Q .. 'ring'             -- zset: proven lanes that may be served now, the next in front
local TRIAL = Q .. 'trial'           -- zset: the same for lanes neither proven nor unhealthy
local RESTING = Q .. 'resting'       -- zset: unhealthy lanes with waiting tasks, by their next probe
local FULL = Q .. 'full'             -- set: lanes with waiting tasks at their in-flight limit
local PAUSED = Q .. 'paused'         -- set: lanes that an operator has paused
local RING_OF = Q .. 'ring:'         -- zset: RING of one project
local TRIAL_OF = Q .. 'trial:'       -- zset: TRIAL of one project
local RESTING_OF = Q .. 'resting:'   -- zset: RESTING of one project
local PROJECTS = Q .. 'projects'     -- zset: projects that have or had tasks or settings, lexical
local PROJECT = Q .. 'p:'            -- hash: weight, limits and use of one project (projects.lua)
local READY = Q .. 'ready'           -- zset: projects with lanes in RING_OF, the next in front
local READY_TRIAL = Q .. 'ready_trial' -- zset: the same for TRIAL_OF
local READY_RESTING = Q .. 'ready_resting' -- zset: projects with lanes in RESTING_OF, by their first probe
local FULL_PROJECTS = Q .. 'full_projects' -- set: projects at their limit of requests in flight
local THROTTLED = Q .. 'throttled'   -- zset: lanes with waiting tasks and no token, by the time of the next
local LANE_LIMITS = Q .. 'lane_limits' -- hash: lane -> its limits (pace.lua)
local PACE = Q .. 'pace'             -- zset: lanes by the time at which they have all tokens again (us)
local LANE_RECENT = Q .. 'lane_recent' -- hash: lane -> what its last attempts came to (record_lanes.lua)
local LANE_RECENT_AT = Q .. 'lane_recent_at' -- zset: lanes by the time of their last attempt
local LANE_TROUBLE = Q .. 'lane_trouble' -- zset: lanes with recent failures, by their share in 1/1000
local LANES_SET = Q .. 'lanes_set'   -- zset: lanes that are paused or have limits, lexical
local PROVEN = Q .. 'proven'         -- zset: lanes that have responded, by the time of that
local FAILING = Q .. 'bad'           -- hash: lane -> failures in a row, before it is unhealthy
local UNHEALTHY = Q .. 'unhealthy'   -- hash: lane -> its health (lanes.lua)
local DUE = Q .. 'due'               -- zset: lanes with scheduled tasks, by their earliest due time
local IN_FLIGHT = Q .. 'inflight'    -- hash: lane -> claimed tasks
local TOMBSTONES = Q .. 'ghosts'     -- hash: lane -> entries of its list that are cancelled tasks
local SUSPECT_LANES = Q .. 'suspects' -- zset: lanes with suspects, the next in front
local WORKERS = Q .. 'workers'       -- zset: leases, by the time they end
local SLOTS = Q .. 'slots'           -- hash: lease -> its worker's concurrency
local LOST = Q .. 'lost'             -- set: ended leases that still hold tasks
local DEAD = Q .. 'dead'             -- zset: dead letters, by the time they died
local DEAD_SIZES = Q .. 'dead_sizes' -- hash: dead letter -> bytes of its record; sum: dead_bytes
local DEAD_GROUP_OF = Q .. 'dead_group_of' -- hash: dead letter -> its group (dead_groups.lua)
local DEAD_GROUP = Q .. 'g:'         -- zset: dead letters of one group, by the time they died
local DEAD_GROUPS = Q .. 'dead_groups:' -- zset: groups of one project or lane, or all, by their number
-- Delivered and cancelled tasks in the order in which they expire. An entry is the expiry (Unix ms, 13
-- digits), the record's bytes (9 digits) and the id. The sum of the bytes is the counter result_bytes.
local RESULTS = Q .. 'results'       -- list: see above
local IDEMPOTENT = Q .. 'i:'         -- string: digest and id of the task that has a name (idempotency.lua)
local IDEMPOTENT_NAMES = Q .. 'i_names' -- hash: id of a task that has a name -> that name's hash
local IDEMPOTENT_ORDER = Q .. 'i_order' -- list: expiry (Unix ms, 13 digits), name's hash and id, oldest first
-- Tasks that follow from settled ones. An entry is OUTBOX_TASK, the new task's id and its record; or
-- OUTBOX_DIED and the id of a task that died without a settlement.
local OUTBOX = Q .. 'out'            -- list: see above
local WAKE = Q .. 'wake'             -- list: at most one token, which wakes one waiting worker
local STATS = Q .. 'stats'           -- string: what the last scan of the lanes found (admin/stats.py)
local STATS_TURN = Q .. 'stats_turn' -- string: exists until the next scan is due
local LISTENERS = Q .. 'listeners' -- hash: lease of a listener -> its lane (listened.lua)
local RINGS = Q .. 'rings:'          -- hash: stats of a project over time (record_activity.lua)
local OPERATION = Q .. 'op:'         -- hash: an operation on many tasks (admin/bulk)
local OPERATIONS = Q .. 'ops'        -- zset: project, separator and id of operations, by their beginning
local RUNNING = Q .. 'ops_running'   -- zset: those of OPERATIONS that go on, by when each may be claimed
local EVENTS = Q .. 'events'         -- stream: events, while somebody watches (activity/events.py)
local COPY = Q .. 'copy'             -- string: a record while it is copied; never outlives a script
local OLD_RESULTS = Q .. 'done'      -- list: results of the release before this one; removed

-- Returns a module that is made at its first use: a function costs time in each call that makes it.
local function lazy(make)
  return setmetatable({}, {__index = function(module, name)
    for key, value in pairs(make()) do rawset(module, key, value) end
    return rawget(module, name)
  end})
end

local PROJECT_SEPARATOR = '\31'
local DEFAULT_PROJECT = 'default'

-- Returns nil for a lane of the project `default`.
local function project_of(lane)
  local at = string.find(lane, PROJECT_SEPARATOR, 1, true)
  return at and string.sub(lane, 1, at - 1)
end

local call = redis.call
local time = call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now = math.floor(now_us / 1000)

-- The record: its first 16 bytes change with each move, the rest is written once. record.py has the
-- table. Offsets count from 0, as GETRANGE does; Lua's string functions count from 1.
local MUTABLE, MUTABLE_BYTES = '>c1I8I4I2c1', 16
local IMMUTABLE, HEADER_BYTES = '>c1c8I2I4', 31
local SINCE_AT, CANCEL_AT, MAGIC_AT, DIGEST_AT, LANE_BYTES_AT = 1, 15, 16, 17, 25
local DIGEST_BYTES = 8
local MAGIC = 'Q'

-- A record's state. A suspect is queued, but waits in another place.
local STATE_QUEUED = 'q'
local STATE_SUSPECT = 'u'
local STATE_SCHEDULED = 's'
local STATE_ACTIVE = 'a'
local STATE_DEAD = 'd'
local STATE_DELIVERED = 'k'
local STATE_CANCELLED = 'x'

local OUTBOX_TASK = 'T'
local OUTBOX_DIED = 'D'
local OUTBOX_ID_AT, OUTBOX_RECORD_AT = 2, 38

-- Whether a client has cancelled the task while it was active.
local CANCEL_REQUESTED = 'x'
local CANCEL_NONE = '-'

local function mutable_header(state, at, attempts, interrupted, cancel)
  return struct.pack(MUTABLE, state, at, attempts, interrupted, cancel or CANCEL_NONE)
end

local function is_ours(record)
  return type(record) == 'string' and #record >= HEADER_BYTES
    and string.sub(record, MAGIC_AT + 1, MAGIC_AT + 1) == MAGIC
end

-- Returns nil if the record is missing or not ours.
local function read_header(id)
  local head = redis.pcall('GETRANGE', RECORD .. id, 0, HEADER_BYTES - 1)
  if not is_ours(head) then return nil end
  local state, at, attempts, interrupted, cancel = struct.unpack(MUTABLE, head)
  local _, digest, lane_bytes, payload_bytes = struct.unpack(IMMUTABLE, head, MUTABLE_BYTES + 1)
  local lane = call('GETRANGE', RECORD .. id, HEADER_BYTES, HEADER_BYTES + lane_bytes - 1)
  return {state = state, at = at, attempts = attempts, interrupted = interrupted,
          cancelled = cancel == CANCEL_REQUESTED, lane = lane, digest = digest,
          last_attempt_at = HEADER_BYTES + lane_bytes + payload_bytes}
end

-- Returns a record from its 17th byte on, without a last attempt.
local function immutable_part(digest, lane, payload)
  return struct.pack(IMMUTABLE, MAGIC, digest, #lane, #payload) .. lane .. payload
end

-- A server at its maxmemory refuses a script if its first write may need memory, but lets a script
-- that has written go on. Scripts that keep leases and end tasks must work then: they begin with this.
local function begin_writing() call('HDEL', COUNTERS, '') end

-- Returns whether the record waits in this lane. An id that was cancelled and submitted again may wait
-- in another lane and have a tombstone in this one.
local function waits_in(record, lane)
  if string.sub(record, 1, 1) ~= STATE_QUEUED
    or struct.unpack('>I2', record, LANE_BYTES_AT + 1) ~= #lane then
    return false
  end
  return string.find(record, lane, HEADER_BYTES + 1, true) == HEADER_BYTES + 1
end

local function wake()
  if call('LLEN', WAKE) == 0 then call('RPUSH', WAKE, '1') end
end

local function count(field, by)
  if by ~= 0 then call('HINCRBY', COUNTERS, field, by) end
end

-- Counts a task for the operation that has changed it, if one has.
local function count_done(operation)
  if operation and operation ~= '' then call('HINCRBY', OPERATION .. operation, 'done', 1) end
end

local function state_of(id)
  local state = redis.pcall('GETRANGE', RECORD .. id, 0, 0)
  return type(state) == 'string' and state or ''
end

-- Writes the last attempt into a record of a known length. Redis doubles the memory of a string that
-- grows in place; a copy takes no more than it holds.
local function write_last_attempt(id, length, at, attempt)
  local new_length = call('SETRANGE', RECORD .. id, at, attempt)
  if new_length > length then
    call('COPY', RECORD .. id, COPY, 'REPLACE')
    call('RENAME', COPY, RECORD .. id)
  end
end
