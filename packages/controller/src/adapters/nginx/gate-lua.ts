// The gate's Lua code, pasted into the generated include as it stands: a text module, so that it is in `dist` without
// a copy step, and inline in the configuration, so that no worker needs the right to read a file of ours. Nothing is
// ever spliced into it: what differs from edge to edge comes in the table `config`, rendered by gate-config.ts.
// Style: Lua 5.1 of LuaJIT, run by ngx_lua 0.10.16 or later (https://github.com/openresty/lua-nginx-module).

/**
 * Picks peers. Body of `balancer_by_lua_block`, run once for each worker; gives the module with `balance` (balancer
 * phase), `attribute` (header filter), `finish` (log phase) and `hold` (access phase).
 *
 * The shared dict holds `state` = `EPOCH NODE@EPOCH … NODE:BEGAN:MS …` (the nodes that are out, each with the epoch
 * that took it out; the nodes whose weight rises, since when and for how long) and counters:
 * `k:PID:NODE` requests known to be under way to a node, `u:PID:EPOCH` requests that nginx's own balancing placed,
 * whose node this phase cannot see. A count is raised first and the state compared after: whoever writes the state
 * and then reads the counters sees every request that may have missed the write.
 * `requests`, `tried` and `held` are keyed by the request's address, not by ngx.ctx, which an internal redirect
 * (error_page) empties. nginx gives the address of a request that has ended to another one, and not every end is
 * told (the user's own hooks, a subrequest): the first try of a request forgets what is there.
 *
 * Stands below the code of gate-balance-lua.ts and gate-traffic-lua.ts, whose `make_pick` and `make_traffic` it calls.
 */
export const pickLua = `
local balancer = require "ngx.balancer"
local get_request = require("resty.core.base").get_request
local ffi_cast = require("ffi").cast
local dict = ngx.shared[config.dict]
local pid = ngx.worker.pid()
local BUSY = -3
local FAIL_SECONDS = 1
local LEAST_SHARE = 0.05
local requests, tried, held = {}, {}, {}
local known_keys, nodes_by_key, nodes_by_address = {}, {}, {}
local state, epoch, out, rest, unknown_key, is_native
local ramps, rising_until = {}, 0
local load_by_name, failed_until = {}, {}

local function prepare(key)
  if not dict:safe_add(key, 0) and not dict:get(key) then dict:incr("lossy", 1) end
end

-- A light userdata is a table key by itself; a pointer of LuaJIT's FFI is not.
local request_id = get_request
if type(get_request()) ~= "userdata" then
  request_id = function() return tonumber(ffi_cast("uintptr_t", get_request())) end
end

-- Ramps that are over are none: no write has to come for their end.
local function read_ramps(list)
  ramps, rising_until = {}, 0
  for name, began, ms in list:gmatch(" ([a-z0-9-]+):(%d+):(%d+)") do
    local ramp = { began = began / 1000, seconds = ms / 1000 }
    if ngx.now() < ramp.began + ramp.seconds then
      ramps[name] = ramp
      rising_until = math.max(rising_until, ramp.began + ramp.seconds)
    end
  end
end

local function weight_of(peer)
  local ramp = ramps[peer.name]
  if not ramp then return peer.weight end
  local share = (ngx.now() - ramp.began) / ramp.seconds
  return peer.weight * math.max(LEAST_SHARE, math.min(1, share))
end

local function refresh(text)
  if text == nil then
    dict:safe_add("state", config.seed)
    text = dict:get("state") or config.seed
  end
  local at_epoch, list = text:match("^(%d+)(.*)$")
  state, epoch, out, rest = text, at_epoch, {}, {}
  for name in list:gmatch(" ([a-z0-9-]+)@%d+") do out[name] = true end
  local is_gated = false
  for _, peer in ipairs(config.peers) do
    if out[peer.name] then is_gated = true else rest[#rest + 1] = peer end
  end
  read_ramps(list)
  is_native = config.native and not is_gated and rising_until == 0
  unknown_key = "u:" .. pid .. ":" .. epoch
  if is_native then prepare(unknown_key) end
end

local function start()
  dict:safe_add("lossy", 0)
  -- A former process with our pid is gone, and its requests with it.
  for _, key in ipairs(dict:get_keys(0)) do
    if key:match("^[ku]:(%d+):") == tostring(pid) then dict:delete(key) end
  end
  dict:safe_set("w:" .. pid, 1)
  for _, peer in ipairs(config.peers) do
    local key = "k:" .. pid .. ":" .. peer.name
    known_keys[peer.name], nodes_by_key[key], nodes_by_address[peer.address] = key, peer.name, peer.name
    load_by_name[peer.name] = 0
    prepare(key)
  end
  refresh(dict:get("state"))
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

local pick = make_pick(weight_of, load_by_name)
local note_traffic = config.traffic and make_traffic(ngx.shared[config.traffic], nodes_by_address)

local function candidates(id)
  local seen, now, sound, untried = tried[id], ngx.now(), {}, {}
  for _, peer in ipairs(rest) do
    if not (seen and seen[peer.name]) then
      untried[#untried + 1] = peer
      if (failed_until[peer.name] or 0) <= now then sound[#sound + 1] = peer end
    end
  end
  return #sound > 0 and sound or untried
end

local function forget(id)
  local key = requests[id]
  requests[id], tried[id], held[id] = nil, nil, nil
  if key then release(key) end
end

-- Without a failed try of ours in this upstream, what is known of the address is of a request that has ended, of a try in
-- another upstream, or of a node that nginx placed and we cannot name: no node counts as tried.
local function begin_try(id)
  if not balancer.get_last_failure() then return forget(id) end
  local key = requests[id]
  if not key then return end
  requests[id] = nil
  release(key)
  local node = nodes_by_key[key]
  if not node then return end
  failed_until[node] = ngx.now() + FAIL_SECONDS
  tried[id] = tried[id] or {}
  tried[id][node] = true
end

local function pick_ourselves(id)
  local peers = rest
  if tried[id] or next(failed_until) then peers = candidates(id) end
  if #peers == 0 then
    held[id] = #rest == 0 or nil
    ngx.exit(BUSY)
    return true
  end
  local peer = pick(peers)
  local key = known_keys[peer.name]
  take(key)
  local now = dict:get("state")
  if now ~= state then
    release(key)
    refresh(now)
    return false
  end
  requests[id] = key
  local is_set, problem = balancer.set_current_peer(peer.host, peer.port)
  if not is_set then
    ngx.log(ngx.ERR, "lameduck: peer ", peer.name, ": ", problem)
    ngx.exit(BUSY)
  end
  return true
end

local function pick_natively(id)
  local key = unknown_key
  dict:incr(key, 1)
  local now = dict:get("state")
  if now ~= state then
    release(key)
    refresh(now)
    return false
  end
  requests[id] = key
  return true
end

start()

local gate = {}

-- A peer that is out is no last resort either.
function gate.balance_last()
  local id = request_id()
  begin_try(id)
  local now = dict:get("state")
  if now ~= state then refresh(now) end
  repeat until pick_ourselves(id)
end

function gate.balance()
  local id = request_id()
  begin_try(id)
  if not is_native then
    local now = dict:get("state")
    if now ~= state or (rising_until > 0 and ngx.now() >= rising_until) then refresh(now) end
  end
  repeat
    local is_done
    if is_native then is_done = pick_natively(id) else is_done = pick_ourselves(id) end
  until is_done
end

-- The answer's header tells where nginx's own balancing had sent the request.
function gate.attribute()
  local id = request_id()
  if ngx.is_subrequest then return forget(id) end
  local key = requests[id]
  if not key or nodes_by_key[key] then return end
  local address = ngx.var.upstream_addr
  local node = address and (nodes_by_address[address] or nodes_by_address[address:match("[^, ]+$")])
  if not node then return end
  take(known_keys[node])
  requests[id] = known_keys[node]
  release(key)
end

function gate.finish()
  if note_traffic and not ngx.is_subrequest then note_traffic() end
  forget(request_id())
end

-- Where no node is in rotation the balancer ends a request with 502 and error_page brings it here, body and all.
function gate.hold()
  local id = request_id()
  if not held[id] then
    if ngx.var.lameduck_again == "1" then return ngx.exec("@lameduck_last") end
    return ngx.exit(502)
  end
  held[id] = nil
  local deadline = ngx.now() + config.hold_seconds
  while #rest == 0 do
    if ngx.now() >= deadline then return ngx.exit(503) end
    ngx.sleep(0.02)
    local now = dict:get("state")
    if now ~= state then refresh(now) end
  end
end

return gate
`;
