-- Lists the groups of dead letters of a project or lane, the largest first.
--
-- KEYS[1]  the queue
-- ARGV     project ('' for all), lane ('' for all), max groups, and for a further page: number and name of the
--          last group of the page before (dead_groups.lua)
-- Result   {1 if more groups follow, 1 if all dead letters are counted, then per group: lane, outcome, status (0
--          if there is none), number, died first, died last, id of the newest, its error}
-- Cost     O(log² groups + page), 6 commands a group, and one for each step to the page. Writes nothing.
--          positions.lua stands before this file.
local project, lane, max, last_number, last_name = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local key = dead_groups.groups_of(project, lane)

-- Returns how many groups stand before the page: all but those below the last group, which may be gone, or
-- have another number by now.
local function groups_before()
  if not last_name then return 0 end
  return call('ZCARD', key) - (rank_of_position(key, tonumber(last_number), last_name))
end

local function describe(group)
  local its_lane, outcome, status = dead_groups.split(group)
  local oldest = call('ZRANGE', DEAD_GROUP .. group, 0, 0, 'WITHSCORES')
  local newest = call('ZRANGE', DEAD_GROUP .. group, -1, -1, 'WITHSCORES')
  local task, error = read_header(newest[1]), ''
  if task then
    local _, _, text = dead_groups.last_attempt(newest[1], task.last_attempt_at)
    error = text
  end
  return its_lane, outcome, tonumber(status), oldest[2], newest[2], newest[1], error
end

local is_counted = call('HLEN', DEAD_GROUP_OF) >= call('ZCARD', DEAD)
local offset = groups_before()
local reply = {call('ZCARD', key) > offset + max and 1 or 0, is_counted and 1 or 0}
local page = call('ZREVRANGE', key, offset, offset + max - 1, 'WITHSCORES')
for i = 1, #page, 2 do
  local its_lane, outcome, status, first, last, id, error = describe(page[i])
  for _, value in ipairs({its_lane, outcome, status, tonumber(page[i + 1]), first, last, id, error}) do
    reply[#reply + 1] = value
  end
end
return reply
