import { latencyBucketsMs } from '@lameduck/core';

// The Lua code that counts what each node was sent, in the log phase; see gate-lua.ts and docs/metrics.md.
//
// A dict of its own: `GET /gate` lists the other one fifty times a second while a node drains. A key is `NODE:CELL`;
// the cells are 1 requests, 2 errors, 3 milliseconds in all, and 4 on the buckets.

/** `make_traffic`, which gives the function that notes the request of the log phase that it is called in. */
export const trafficLua: string = `
local function make_traffic(dict, nodes_by_address)
local FLUSH_SECONDS, LATE_SECONDS = 0.2, 0.5
local BOUNDS = { ${latencyBucketsMs.map((ms) => ms / 1000).join(', ')} }
local CELLS = #BOUNDS + 4
local timer_at, now, start_time = ngx.timer.at, ngx.now, ngx.req.start_time
local rows, dirty, count, armed_at = {}, {}, 0, nil

-- Never incr with an initial value: where the dict is full that throws other counters out.
local function add(key, by)
  if dict:incr(key, by) then return end
  if not dict:safe_add(key, by) and not dict:incr(key, by) then dict:incr("lossy", 1) end
end

local function flush()
  armed_at = nil
  for index = 1, count do
    local row = dirty[index]
    dirty[index], row.is_dirty = nil, false
    for cell = 1, CELLS do
      local by = row[cell]
      if by ~= 0 then
        row[cell] = 0
        add(row.keys[cell], by)
      end
    end
  end
  count = 0
end

local function row_of(node)
  local row = rows[node]
  if not row then
    row = { keys = {} }
    for cell = 1, CELLS do row.keys[cell], row[cell] = node .. ":" .. cell, 0 end
    rows[node] = row
  end
  if not row.is_dirty then
    row.is_dirty, count = true, count + 1
    dirty[count] = row
  end
  return row
end

-- Times have three digits, so that those below a second are a thousand; a loop here would keep LuaJIT from compiling
-- what runs at each request.
local ms_of, cell_of = {}, {}
local function note_latency(row, time)
  local cell = cell_of[time]
  if cell then
    row[3] = row[3] + ms_of[time]
    row[cell] = row[cell] + 1
    return
  end
  local seconds = tonumber(time)
  if not seconds then return end
  cell = 4
  while seconds > (BOUNDS[cell - 3] or seconds) do cell = cell + 1 end
  local ms = math.floor(seconds * 1000 + 0.5)
  if ms < 1000 then ms_of[time], cell_of[time] = ms, cell end
  row[3] = row[3] + ms
  row[cell] = row[cell] + 1
end

local function note_try(node, status)
  local row = row_of(node)
  row[1] = row[1] + 1
  if status:byte() == 53 and #status == 3 then row[2] = row[2] + 1 end
  return row
end

-- nginx notes 502 where it could not connect and 504 where no answer came; of a client that went away it notes no
-- status. What the application says with 4xx is no error of the node. The time of an upgraded connection is its life.
local function note_last(node, status, time)
  local row = note_try(node, status)
  if time and status ~= "-" and status ~= "101" then note_latency(row, time) end
end

-- One entry for each try, in the same order in all three; ":" stands between upstreams that follow one another. A
-- request that waited has had no address at first, but a status and a time: the ends belong together.
local function split(list)
  local entries = {}
  for entry in list:gmatch("[^, ]+") do
    if entry ~= ":" then entries[#entries + 1] = entry end
  end
  return entries
end

local function note_tries(addresses, statuses, times)
  addresses, statuses, times = split(addresses), split(statuses), split(times)
  local last = #addresses
  local shift, late = #statuses - last, #times - last
  for try = 1, last - 1 do
    local node = nodes_by_address[addresses[try]]
    if node then note_try(node, statuses[try + shift] or "-") end
  end
  local node = nodes_by_address[addresses[last]]
  if node then note_last(node, statuses[last + shift] or "-", times[last + late]) end
end

-- A worker that is on its way out gets no timer, and writes each count at once: nothing of it is lost.
local function flush_in_time()
  if count == 0 then return end
  if not armed_at then
    if timer_at(FLUSH_SECONDS, flush) then armed_at = now() else flush() end
  elseif now() - armed_at > LATE_SECONDS then
    flush()
  end
end

-- Both clocks count in milliseconds. Who was answered within the first bound as a whole was answered so by the node: what is
-- faster than that is not worth to ask nginx for its time.
local function note_brief(row)
  local seconds = now() - start_time()
  if seconds > BOUNDS[1] + 0.0001 then return false end
  row[3] = row[3] + math.floor(seconds * 1000 + 0.5)
  row[4] = row[4] + 1
  return true
end

-- Each variable costs. The node is given where the header told that it was the only one; in a server of ours the answer of
-- the only one has that node's own status, as nothing there (error_page, X-Accel-Redirect) gives another one without a try.
local function is_fine()
  local status = ngx.status
  return status >= 200 and status < 400
end

return function(node)
  local var = ngx.var
  local address = not node and var.upstream_addr
  node = node or nodes_by_address[address]
  if node and config.owns_server and is_fine() then
    local row = note_try(node, "200")
    if not note_brief(row) then note_latency(row, var.upstream_response_time) end
    return flush_in_time()
  end
  local status = var.upstream_status
  if not status then return end
  if node then
    note_last(node, status, var.upstream_response_time)
  elseif address then
    note_tries(address, status, var.upstream_response_time or "")
  end
  flush_in_time()
end
end
`;

/** Answers with one line for each node that was sent anything: `NODE CELL…`. */
export const trafficControlLua = `
if ngx.var.http_x_lameduck_token ~= config.token then return ngx.exit(403) end
local dict = ngx.shared[config.traffic]
local lines, size = {}, 0
for _, name in ipairs(config.names) do
  if dict:get(name .. ":1") then
    local cells = { name }
    for cell = 1, config.cells do cells[cell + 1] = dict:get(name .. ":" .. cell) or 0 end
    size = size + 1
    lines[size] = table.concat(cells, " ")
  end
end
ngx.print("lossy ", dict:get("lossy") or 0, "\\n", table.concat(lines, "\\n"), "\\n")
`;
