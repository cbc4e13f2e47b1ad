-- When a worker polls again without being woken; a module of claim.lua.
local BACKUP_MS, PASS_ON_MS = 1000, 100
local WHEN_WOKEN = -1

-- One worker polls at the next due time, the others one second later in case it has died.
-- `watched_at` and `watched_by` are fields of COUNTERS; `left` is how many more tasks the worker can take,
-- `token_at` the time of a lane's next token. Returns the ms until this worker polls.
local function poll_for_due_tasks(lease, watched_at, watched_by, left, token_at)
  local due = tonumber(call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2])
  if token_at and (not due or token_at < due) then due = token_at end
  local at = tonumber(watched_at or 0)
  if left == 0 and watched_by == lease then call('HDEL', COUNTERS, 'watch_at', 'watch_by') end
  if not due then return WHEN_WOKEN end
  local watched = at > 0 and at <= due and at > now - BACKUP_MS and watched_by ~= lease
    and call('ZSCORE', WORKERS, watched_by)
  if left == 0 then
    -- This worker will be busy: another one has to poll.
    if not watched then wake() end
    return WHEN_WOKEN
  end
  if watched then return math.max(due - now, 0) + BACKUP_MS end
  begin_writing()
  call('HSET', COUNTERS, 'watch_at', due, 'watch_by', lease)
  return math.max(due - now, 0)
end

-- A worker without room for lanes on trial wakes one that may have room, at most ten times a second:
-- if none has room, the workers would wake each other without end.
local function wake_another_worker()
  local passed = tonumber(call('HGET', COUNTERS, 'passed_on') or 0)
  if passed <= now - PASS_ON_MS or passed > now then
    begin_writing()
    call('HSET', COUNTERS, 'passed_on', now)
    wake()
  end
end

-- Returns the ms until this worker polls for lanes on trial, nil if it need not.
local function poll_for_trials(trial_left, left)
  if call('EXISTS', TRIAL, RESTING) == 0 then return nil end
  if left == 0 and trial_left > 0 then
    wake()
  elseif trial_left > 0 then
    local head = call('ZRANGE', RESTING, 0, 0, 'WITHSCORES')
    local pause = head[2] and math.max(head[2] - now, 0)
    return call('EXISTS', TRIAL) == 1 and 0 or pause
  elseif call('ZCARD', WORKERS) > 1 then
    wake_another_worker()
    return PASS_ON_MS
  end
end

return {
  BACKUP_MS = BACKUP_MS, PASS_ON_MS = PASS_ON_MS, for_due_tasks = poll_for_due_tasks,
  for_trials = poll_for_trials, wake_another_worker = wake_another_worker,
}
