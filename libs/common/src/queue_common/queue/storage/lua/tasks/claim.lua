-- Moves due tasks into their lanes, then hands a worker tasks from the lanes in turn.
--
-- KEYS[1]  the queue
-- ARGV     lease, tasks wanted, in-flight limit a lane (0: the sum of the live workers' slots),
--          bytes of records that the worker has room for (-1: any number), 1 if it holds nothing,
--          max tasks of lanes on trial, max tasks that it holds, how many suspects it holds, max tasks
--          of lanes on trial that it holds, then per project of which it holds many: its name, its
--          tasks, those on trial
-- Result   {-2} if the lease has ended, else {ms until the worker polls again (-1: when it is woken,
--          -3: when one of its claims has ended), how many of the tasks are of proven lanes, then per
--          task, proven lanes first: id, lane, record as it was before}
-- Cost     O(log lanes) a task; about 4 commands a task, max 200 due tasks, 200 tombstones and 200 lanes
--          without tokens. One
--          record more than is claimed may be read, and a reply is bounded in bytes.
--          Its modules stand before this file: claim_suspects, claim_promotion,
--          claim_polling and claim_projects.
local lease, wanted = ARGV[1], tonumber(ARGV[2])
local free, idle = tonumber(ARGV[4]), ARGV[5] == '1'
-- A table, because Lua allows the script 200 locals.
local const = {LEASE_ENDED = -2, NO_ROOM = -3, MAX_TOMBSTONES = 200, MAX_REPLY_BYTES = 16777216,
               NEAR_BYTES = 2097152}
local MAX_THROTTLED = 200
if not call('ZSCORE', WORKERS, lease) then return {const.LEASE_ENDED} end

local switches = call('HMGET', COUNTERS, 'slots', 'paused', 'watch_at', 'watch_by', 'suspects', 'alone',
                      'projects', 'paced')
local by_project, paced = switches[7] and true, switches[8] and true
local limit = tonumber(ARGV[3])
if limit == 0 then limit = tonumber(switches[1] or 0) end

local reply, on_trial, tombstones, throttled = {0, 0}, {}, 0, 0
local trial_left = tonumber(ARGV[6])
local claimed_header = struct.pack('>c1I8', STATE_ACTIVE, now)

local bytes, no_room, ended = 0, false, false

-- Returns whether a record fits into this reply; if not, the claim ends. A record larger than a worker's
-- whole room is claimed by a worker that holds nothing.
local function fits(size)
  if bytes == 0 and idle then return true end
  no_room = free >= 0 and bytes + size > free
  ended = no_room or (bytes > 0 and bytes + size > const.MAX_REPLY_BYTES)
  return not ended
end

-- Returns a record, or nothing if it does not fit. Near the end of the room it is measured first,
-- because a worker without room claims often.
local function read(id)
  local key = RECORD .. id
  if free >= 0 and free - bytes < const.NEAR_BYTES then
    local size = redis.pcall('STRLEN', key)
    if type(size) == 'number' and not fits(size) then return end
  end
  local record = redis.pcall('GET', key)
  if type(record) == 'string' then
    if not fits(#record) then return end
    bytes = bytes + #record
  end
  return record
end

local function put_back(lane, popped, from)
  for i = #popped, from, -1 do call('LPUSH', WAITING .. lane, popped[i]) end
end

-- Claims the popped entries that are tasks to run; the others are tombstones. Returns the number claimed.
local function take(lane, popped, into)
  local claimed = {}
  for i, id in ipairs(popped) do
    local record = read(id)
    if ended then
      put_back(lane, popped, i)
      break
    end
    local readable = is_ours(record)
    local waits = readable and waits_in(record, lane)
    if waits then call('SETRANGE', RECORD .. id, 0, claimed_header) end
    if waits or (record and not readable) then
      claimed[#claimed + 1] = id
      claimed[#claimed + 1] = lane
      into[#into + 1] = id
      into[#into + 1] = lane
      into[#into + 1] = type(record) == 'string' and record or ''
    else
      tombstones = tombstones + 1
      if call('HEXISTS', TOMBSTONES, lane) == 0 then
        -- The record was removed from outside: there is nothing left to run or to keep.
        count('queued', -1)
        count('missing_total', 1)
        if project_of(lane) then projects.use(project_of(lane), -1, 0, 0) end
      elseif call('HINCRBY', TOMBSTONES, lane, -1) <= 0 then
        call('HDEL', TOMBSTONES, lane)
      end
    end
  end
  if #claimed > 0 then call('HSET', CLAIMED .. lease, unpack(claimed)) end
  return #claimed / 2
end

-- Only the workers' concurrency limits SAQ's jobs.
local function limit_of(lane)
  return string.sub(lane, 1, 4) == 'saq:' and math.huge or limit
end

-- One turn of one lane: max `quantum` tasks, never beyond the lane's limit. A lane with a task that did
-- not fit keeps its turn.
local function serve(lane, from, quantum, into)
  local in_flight = tonumber(call('HGET', IN_FLIGHT, lane) or 0)
  local health = health_of(lane)
  local limit, own = limit_of(lane), paced and pace.of(lane)
  if own and own.concurrency then limit = own.concurrency end
  if health then limit = math.min(limit, health.room) end
  local room = math.min(quantum, limit - in_flight, own and pace.tokens(own) or math.huge)
  local taken, popped = 0, {}
  if room > 0 then
    popped = call('LPOP', WAITING .. lane, room) or {}
    taken = take(lane, popped, into)
    if taken > 0 then
      call('HINCRBY', IN_FLIGHT, lane, taken)
      local project = by_project and project_of(lane)
      if project then projects.use(project, 0, 0, taken) end
      if own then pace.take(own, taken) end
    end
  end
  if call('LLEN', WAITING .. lane) == 0 then
    if in_flight + taken == 0 then forget_if_empty(lane) end
  elseif ended then
    call('ZADD', from.ring, from.turn, lane)
  elseif in_flight + taken >= limit then
    call('SADD', FULL, lane)
  elseif own and pace.tokens(own) == 0 then
    call('ZADD', THROTTLED, pace.next_at(own), lane)
    throttled = throttled + 1
  else
    place(lane)
  end
  return taken
end

-- Lets lanes be served that have a token again.
local function release_throttled()
  for _, lane in ipairs(call('ZRANGEBYSCORE', THROTTLED, '-inf', now, 'LIMIT', 0, MAX_THROTTLED)) do
    call('ZREM', THROTTLED, lane)
    place(lane)
  end
end

-- The rings from which lanes are served now; those of one project at a time.
local default_places = {ring = RING, trial = TRIAL, resting = RESTING}
local places = default_places
local trial_share, probe_next = 0, time[2] % 2 == 1

local function count_trial_lanes()
  if trial_left == 0 then return 0 end
  local waiting = call('ZCARD', places.trial)
  if call('EXISTS', places.resting) == 1 then
    waiting = waiting + call('ZCOUNT', places.resting, '-inf', now)
  end
  return math.min(waiting, trial_left)
end

local function head_of(ring)
  local head = call('ZRANGE', ring, 0, 0, 'WITHSCORES')
  if head[1] then return {ring = ring, lane = head[1], turn = tonumber(head[2])} end
end

local function next_trial_lane()
  probe_next = not probe_next
  local first, second = places.trial, places.resting
  if probe_next then first, second = second, first end
  for _, ring in ipairs({first, second}) do
    local head = head_of(ring)
    if head and (ring == places.trial or head.turn <= now) then return head end
  end
end

-- Removes and returns the lane that has waited longest; lanes on trial only while they may be served.
local function next_lane()
  if trial_left > 0 and call('EXISTS', places.trial, places.resting) > 0 then
    local tried, proven = next_trial_lane(), head_of(places.ring)
    local came_at = tried and tried.turn * (tried.ring == places.resting and 1000 or 1)
    if tried and not (proven and (trial_share <= 0 or proven.turn < came_at)) then
      call('ZREM', tried.ring, tried.lane)
      return tried
    end
  end
  local head = call('ZPOPMIN', places.ring)
  if head[1] then return {ring = places.ring, lane = head[1], turn = head[2]} end
end

local function take_turn(share)
  local head = next_lane()
  if not head then return nil end
  if head.ring == places.ring then return serve(head.lane, head, share, reply) end
  local taken = serve(head.lane, head, math.min(share, trial_left), on_trial)
  trial_left, trial_share = trial_left - taken, trial_share - taken
  return taken
end

local function halts() return ended or tombstones >= const.MAX_TOMBSTONES or throttled >= MAX_THROTTLED end

-- In each round, every waiting lane gets an equal share of the wanted tasks, at least one. New lanes and
-- lanes to be probed alternate, whatever their numbers. If proven lanes wait, lanes on trial get half of
-- a claim, and every other claim of one task.
local function claim(max)
  trial_share = math.floor((max + (probe_next and 1 or 0)) / 2)
  local left, in_round, share = max, 0, 0
  while left > 0 and not halts() do
    if in_round == 0 then
      in_round = call('ZCARD', places.ring) + count_trial_lanes()
      if in_round == 0 then break end
      share = math.max(math.floor(left / in_round), 1)
    end
    local taken = take_turn(share)
    if not taken then break end
    left = left - taken
    in_round = in_round - 1
  end
  count('active', max - left)
  -- A tombstone was subtracted from the queued count when its task was cancelled.
  count('queued', -(max - left))
  return left
end

-- Claims from the lanes of one project. Returns how many tasks were taken, and how many on trial.
local function claim_from(rings, max, max_on_trial)
  local all = trial_left
  places, trial_left = rings, max_on_trial
  local taken, tried = max - claim(max), max_on_trial - trial_left
  places, trial_left = default_places, all - tried
  return taken, tried
end

local function claim_lanes(max)
  if not by_project then return claim(max) end
  local held = {}
  for i = 10, #ARGV, 3 do
    held[ARGV[i]] = {tasks = tonumber(ARGV[i + 1]), on_trial = tonumber(ARGV[i + 2])}
  end
  return claim_projects.claim({
    held = held, max_tasks = tonumber(ARGV[7]), max_on_trial = tonumber(ARGV[9]), serve = claim_from,
    halts = halts, trial_left = function() return trial_left end,
  }, max)
end

-- Suspects come first: they are few, and they were in front when their worker died.
local function claim_all()
  local taken = 0
  if tonumber(switches[5] or 0) > 0 or switches[6] then
    local halts
    taken, halts = claim_suspects.claim({
      lease = lease, wanted = wanted, limit = limit, idle = idle, read = read, reply = reply,
      max_tasks = tonumber(ARGV[7]), suspects = tonumber(ARGV[8]),
    })
    no_room = no_room or halts
  end
  if no_room or ended then return wanted - taken end
  return claim_lanes(wanted - taken)
end

claim_promotion()
if paced then release_throttled() end
local left = wanted
if not switches[2] then left = claim_all() end
if no_room then left = 0 end
reply[1] = claim_polling.for_due_tasks(lease, switches[3], switches[4], left,
                                       paced and tonumber(call('ZRANGE', THROTTLED, 0, 0, 'WITHSCORES')[2]))
reply[2] = (#reply - 2) / 3
if switches[2] == false then
  local poll = by_project and claim_projects.poll or claim_polling.for_trials
  local pause = poll(trial_left, left, halts())
  if pause and (reply[1] < 0 or pause < reply[1]) then reply[1] = pause end
  if not by_project and call('ZCARD', RING) > 0 then
    if left == 0 then wake() else reply[1] = 0 end
  end
end
-- A suspect may become claimable without a wake-up.
local pause = reply[1]
if left > 0 and tonumber(switches[5] or 0) > 0 and (pause < 0 or pause > claim_polling.BACKUP_MS) then
  reply[1] = claim_polling.BACKUP_MS
end
if no_room then reply[1] = const.NO_ROOM end
finish_projects()
for _, part in ipairs(on_trial) do reply[#reply + 1] = part end
return reply
