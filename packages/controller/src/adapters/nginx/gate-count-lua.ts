// The Lua code with which the gate counts what is under way; see gate-lua.ts.

/**
 * The state of one worker's gate and its counts; gate-lua.ts, gate-hold-lua.ts stand below it and use its names.
 *
 * `requests` has the counter of each request. While nothing is out, a request that nginx placed counts as unknown (`u:`) to
 * its end; the node that its header told is only noted in `placed`, and told to the dict once somebody waits for a node to
 * become quiet: the dict costs a lock each time. Where sessions are left to the node to close, they count apart (`s:`).
 */
export const countLua = `
local balancer = require "ngx.balancer"
local get_request = require("resty.core.base").get_request
local ffi_cast = require("ffi").cast
local dict = ngx.shared[config.dict]
local pid = ngx.worker.pid()
local BUSY = -3
local FAIL_SECONDS = 1
local LEAST_SHARE = 0.05
local WATCH_SECONDS = 0.1
local requests, tried, held, placed = {}, {}, {}, {}
local session_keys, known_keys, nodes_by_key, nodes_by_address = {}, {}, {}, {}
local state, epoch, out, rest, unknown_key, is_native, is_watched
local ramps, rising_until = {}, 0
local pause_seconds, waiting, waiting_key = nil, {}, "h:" .. pid
local load_by_name, failed_until = {}, {}

local function prepare(key)
  if not dict:safe_add(key, 0) and not dict:get(key) then dict:incr("lossy", 1) end
end

-- A light userdata is a table key by itself; a pointer of LuaJIT's FFI is not.
local request_id = get_request
if type(get_request()) ~= "userdata" then
  request_id = function() return tonumber(ffi_cast("uintptr_t", get_request())) end
end

local function release(key)
  local left = dict:incr(key, -1)
  local node = nodes_by_key[key]
  if node then
    load_by_name[node] = load_by_name[node] - 1
  elseif left == 0 and key ~= unknown_key then
    dict:delete(key)
  end
end

local function take(key)
  dict:incr(key, 1)
  local node = nodes_by_key[key]
  if node then load_by_name[node] = load_by_name[node] + 1 end
end

-- What is known of natively placed requests by their headers, told to the dict: somebody waits for a node to be quiet.
local function tell_placed()
  for id, key in pairs(placed) do
    placed[id] = nil
    local former = requests[id]
    take(key)
    requests[id] = key
    release(former)
  end
end

local function end_wait(id)
  waiting[id] = nil
  dict:incr(waiting_key, -1)
end

-- Only what is there is cleared: to clear what is not makes a place for it in the table.
local function forget(id)
  local key = requests[id]
  if key then
    requests[id] = nil
    if placed[id] then placed[id] = nil end
    release(key)
  end
  if tried[id] then tried[id] = nil end
  if held[id] then held[id] = nil end
  if waiting[id] then end_wait(id) end
end
`;
