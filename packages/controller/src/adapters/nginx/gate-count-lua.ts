// The Lua code with which the gate counts what is under way; see gate-lua.ts.

/** Added to the counters of what was placed by a former state; more than any of them can say. */
export const epochMark = 1_099_511_627_776;

/** Added to the counter of a worker that may place requests without telling each; more than it can count. */
export const openMark = 1_073_741_824;

/**
 * The state of one worker's gate and its counts; gate-lua.ts, gate-hold-lua.ts stand below it and use its names.
 *
 * `requests` has the counter of each request. While nothing is out, a request that nginx placed counts as unknown (`u:`) to
 * its end; which node it is at is told to the dict once somebody waits for a node to become quiet: each phase and each call of
 * the dict costs. In a server of ours, where the log phase is told of each end, nginx is asked then for what is under way
 * (`node_of`); elsewhere what is noted may have ended long since, so that each header is noted in `placed`.
 *
 * For the same reason such requests are counted here (`native_count`), and the dict is told (`told`) at most once in a
 * millisecond: OPEN says that there may be any number besides. It is taken back once none is left, and by `watch` within
 * a tenth of a second, so that whoever waits for zero never sees too little. Whoever writes the state adds MARK to each
 * `u:` counter after: the answer to what is told says whether the state still holds.
 *
 * Where sessions are left to the node to close, they count apart (`s:`).
 */
export const countLua: string = `
local balancer = require "ngx.balancer"
local get_request = require("resty.core.base").get_request
local ffi = require "ffi"
local ffi_cast = ffi.cast
local dict = ngx.shared[config.dict]
local pid = ngx.worker.pid()
local BUSY = -3
local FAIL_SECONDS = 1
local LEAST_SHARE = 0.05
local WATCH_SECONDS = 0.1
local MARK, OPEN = ${epochMark}, ${openMark}
local requests, tried, held, placed, several, waited = {}, {}, {}, {}, {}, {}
local native_count, told, told_at = 0, 0, nil
local session_keys, known_keys, nodes_by_key, nodes_by_address = {}, {}, {}, {}
local state, epoch, out, rest, unknown_key, is_native, is_watched
local ramps, rising_until, weights = {}, 0, {}
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

-- Exactly what is under way, until more is placed.
local function settle()
  told_at = nil
  if told == native_count then return end
  dict:incr(unknown_key, native_count - told)
  told = native_count
end

-- More may be placed from now on. Gives what the counter says, MARK included.
local function open_count(at)
  local saying = native_count + OPEN
  local value = dict:incr(unknown_key, saying - told)
  told, told_at = saying, at
  return value
end

local function release_unknown()
  native_count = native_count - 1
  if native_count <= 0 or not is_native then settle() end
end

local function release(key)
  if key == unknown_key then return release_unknown() end
  local left = dict:incr(key, -1)
  local node = nodes_by_key[key]
  if node then
    load_by_name[node] = load_by_name[node] - 1
  elseif left and left % MARK == 0 then
    dict:delete(key)
  end
end

local function take(key)
  dict:incr(key, 1)
  local node = nodes_by_key[key]
  if node then load_by_name[node] = load_by_name[node] + 1 end
end

-- As ngx.var does it, for a request that is not the one that runs. Its own memory is used, so that it has to live.
local value, length, problem = ffi.new("unsigned char *[1]"), ffi.new("size_t[1]"), ffi.new("char *[1]")
local NAME = "upstream_addr"
local lowered = ffi.new("char[?]", #NAME)
local function read_address(id)
  local request = ffi_cast("ngx_http_request_t *", type(id) == "number" and ffi_cast("uintptr_t", id) or id)
  local code = ffi.C.ngx_http_lua_ffi_var_get(request, NAME, #NAME, lowered, 0, value, length, problem)
  return code == 0 and ffi.string(value[0], length[0])
end

-- The last of its tries is under way.
local function node_of(id)
  local is_read, address = pcall(read_address, id)
  return is_read and address and nodes_by_address[address:match("[^, ]+$") or ""]
end

-- What is known of natively placed requests, told to the dict: somebody waits for a node to be quiet.
local function tell(id, key)
  local former = requests[id]
  take(key)
  requests[id] = key
  release(former)
end

local function tell_placed()
  for id, key in pairs(placed) do
    placed[id] = nil
    tell(id, key)
  end
  if not config.owns_server then return end
  for id, key in pairs(requests) do
    local node = not nodes_by_key[key] and node_of(id)
    if node then tell(id, known_keys[node]) end
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
    if several[id] then several[id] = nil end
    release(key)
  end
  if tried[id] then tried[id] = nil end
  if held[id] then held[id] = nil end
  if waiting[id] then end_wait(id) end
  if waited[id] then waited[id] = nil end
end
`;
