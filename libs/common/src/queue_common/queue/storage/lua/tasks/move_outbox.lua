-- Moves tasks from the outbox into their lanes: those that follow from other tasks.
--
-- KEYS[1]  the queue
-- ARGV     max tasks a call; the id of a task whose death stands in front ('' for none), and the entry of
--          the task that follows from it ('' for none); 1 if somebody may watch
-- Result   {entries that were moved or removed, 1 if there are more, the id of a task whose death stands
--          in front ('' for none): it is read before the others can be moved, 1 if this call removed
--          the death that was given, the tasks that this call stored, {id, lane, record} of each: the
--          record if somebody may watch, '' if not}
-- Cost     O(1) a task, about 3 commands. Any number of workers may run it at once: an entry is removed by
--          the script that stores its task, and an id that exists is not stored again.
local max, died, follows = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local watched, stored = ARGV[4] == '1', {}
local moved, by_lane, lanes = 0, {}, {}
local buried = 0

begin_writing()

local function store(entry)
  local id = string.sub(entry, OUTBOX_ID_AT, OUTBOX_RECORD_AT - 1)
  local record = string.sub(entry, OUTBOX_RECORD_AT)
  record = mutable_header(STATE_QUEUED, now, 0, 0) .. string.sub(record, MUTABLE_BYTES + 1)
  if not call('SET', RECORD .. id, record, 'NX') then return end
  local lane_bytes = struct.unpack('>I2', record, LANE_BYTES_AT + 1)
  local lane = string.sub(record, HEADER_BYTES + 1, HEADER_BYTES + lane_bytes)
  local project = project_of(lane)
  if project then projects.use(project, 1, #record, 0) end
  if not by_lane[lane] then
    by_lane[lane] = {}
    lanes[#lanes + 1] = lane
  end
  table.insert(by_lane[lane], id)
  stored[#stored + 1] = {id, lane, watched and record or ''}
end

if died ~= '' and call('LINDEX', OUTBOX, 0) == OUTBOX_DIED .. died then
  call('LPOP', OUTBOX)
  moved, buried = 1, 1
  if follows ~= '' then store(follows) end
end

died = ''
while moved < max do
  local entry = call('LINDEX', OUTBOX, 0)
  if not entry then break end
  if string.sub(entry, 1, 1) == OUTBOX_DIED then
    died = string.sub(entry, OUTBOX_ID_AT)
    break
  end
  call('LPOP', OUTBOX)
  store(entry)
  moved = moved + 1
end

local placed = false
for _, lane in ipairs(lanes) do placed = push(lane, by_lane[lane]) or placed end
finish_projects()
if placed then wake() end
return {moved, call('EXISTS', OUTBOX), died, buried, stored}
