-- Ends an operation: nobody claims it any more, and the commit of who still works on it is refused.
local function end_operation(member, id, state, error)
  call('HSET', OPERATION .. id, 'state', state, 'error', error, 'finished_at', now, 'updated_at', now)
  call('HDEL', OPERATION .. id, 'owner')
  call('ZREM', RUNNING, member)
end
