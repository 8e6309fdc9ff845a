// The gate's Lua code, pasted into the generated include as it stands: a text module, so that it is in `dist` without
// a copy step, and inline in the configuration, so that no worker needs the right to read a file of ours. Nothing is
// ever spliced into it: what differs from edge to edge comes in the table `config`, rendered by gate-config.ts.
// Style: Lua 5.1 of LuaJIT, run by ngx_lua 0.10.16 or later (https://github.com/openresty/lua-nginx-module).

/**
 * Picks peers. Body of `balancer_by_lua_block`, run once for each worker; gives the module with `balance` (balancer
 * phase), `attribute` (header filter, where it is needed) and `finish` (log phase); gate-hold-lua.ts adds `hold` (access phase) and gives the module.
 *
 * The shared dict holds `state` = `EPOCH NODE@EPOCH … NODE=WEIGHT … NODE:BEGAN:MS …` (the nodes that are out, each with the epoch
 * that took it out; `NODE=WEIGHT` where a weight was set at run time; the nodes whose weight rises, since when and for how
 * long; ` :BEGAN:MS` where requests are to wait,
 * each at most so long) and counters: `k:PID:NODE` requests known to be under way to a node, `s:PID:NODE` sessions of it,
 * `h:PID` requests that wait, `u:PID:EPOCH` requests that nginx's own balancing placed,
 * whose node this phase cannot see. A count is raised first and the state compared after: whoever writes the state
 * and then reads the counters sees every request that may have missed the write.
 * `requests`, `tried`, `held` and `waited` are keyed by the request's address, not by ngx.ctx, which an internal redirect
 * (error_page) empties. nginx gives the address of a request that has ended to another one, and not every end is
 * told (the user's own hooks, a subrequest): the first try of a request forgets what is there.
 *
 * Stands below the code of gate-balance-lua.ts and gate-traffic-lua.ts, whose `make_pick` and `make_traffic` it calls.
 */
export const pickLua = `
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

-- As it is now, and as it is once it does not rise any more.
local function weight_of(peer)
  local weight, ramp = weights[peer.name] or peer.weight, ramps[peer.name]
  if not ramp then return weight, weight end
  local share = (ngx.now() - ramp.began) / ramp.seconds
  return weight * math.max(LEAST_SHARE, math.min(1, share)), weight
end

-- Whoever writes the state marks the counters that it finds: one that is new has to come before the last look.
local function begin_unknown()
  local former_key = unknown_key
  unknown_key = "u:" .. pid .. ":" .. epoch
  if is_native then prepare(unknown_key) end
  if former_key == unknown_key then return end
  native_count, told = 0, 0
  tell_placed()
  if former_key and (dict:get(former_key) or 1) % MARK == 0 then dict:delete(former_key) end
end

local function read_state(text)
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
  weights = {}
  for name, weight in list:gmatch(" ([a-z0-9-]+)=(%d+)") do weights[name] = tonumber(weight) end
  local pause_ms = list:match(" :%d+:(%d+)")
  pause_seconds = pause_ms and pause_ms / 1000
  if pause_seconds then rest, is_gated = {}, true end
  is_native = config.native and is_watched and not is_gated and rising_until == 0 and not next(weights)
end

local function refresh(text)
  repeat
    settle()
    read_state(text)
    begin_unknown()
    text = dict:get("state")
  until text == state
end

-- Whether there was something to follow.
local function follow_state()
  local now = dict:get("state")
  if now == state then return false end
  refresh(now)
  return true
end

-- A worker that has nothing to do notices a change, too. Timers end in a worker that is shutting down: it may not notice the
-- next change, and so picks for itself what it still gets.
local function watch(is_ending)
  if is_ending then
    is_watched, is_native = false, false
    settle()
    return tell_placed()
  end
  settle()
  follow_state()
end

local function start()
  dict:safe_add("lossy", 0)
  -- A former process with our pid is gone, and its requests with it.
  for _, key in ipairs(dict:get_keys(0)) do
    if key:match("^[kuhs]:(%d+)") == tostring(pid) then dict:delete(key) end
  end
  dict:safe_set("w:" .. pid, 1)
  prepare(waiting_key)
  for _, peer in ipairs(config.peers) do
    local key = "k:" .. pid .. ":" .. peer.name
    known_keys[peer.name], nodes_by_key[key], nodes_by_address[peer.address] = key, peer.name, peer.name
    load_by_name[peer.name] = 0
    prepare(key)
    if config.tells_sessions then
      local session_key = "s:" .. pid .. ":" .. peer.name
      session_keys[peer.name], nodes_by_key[session_key] = session_key, peer.name
      prepare(session_key)
    end
  end
  is_watched = ngx.timer.every(WATCH_SECONDS, watch) ~= nil
  refresh(dict:get("state"))
end

local pick = make_pick(weight_of, load_by_name)
local note_traffic = config.traffic and make_traffic(ngx.shared[config.traffic], nodes_by_address)

local function candidates(id)
  local seen, now, sound, untried = tried[id], ngx.now(), {}, {}
  for _, peer in ipairs(rest) do
    local name = peer.name
    if failed_until[name] and failed_until[name] <= now then failed_until[name] = nil end
    if not (seen and seen[name]) then
      untried[#untried + 1] = peer
      if not failed_until[name] then sound[#sound + 1] = peer end
    end
  end
  if #sound == #rest then return rest end
  return #sound > 0 and sound or untried
end

-- Without a failed try of ours in this upstream, what is known of the address is of a request that has ended, of a try in
-- another upstream, or of a node that nginx placed and we cannot name: no node counts as tried.
local function begin_try(id)
  if not balancer.get_last_failure() then return forget(id) end
  local key = requests[id]
  if not key then return end
  requests[id] = nil
  if placed[id] then placed[id] = nil end
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
  local at = ngx.now()
  if at ~= told_at then
    local value = open_count(at)
    if (not value or value >= MARK) and follow_state() then return false end
  end
  native_count = native_count + 1
  requests[id] = unknown_key
  return true
end

start()

local gate = {}

-- A peer that is out is no last resort either.
function gate.balance_last()
  local id = request_id()
  begin_try(id)
  follow_state()
  repeat until pick_ourselves(id)
end

function gate.balance()
  local id = request_id()
  -- nginx's marks of nodes that had died let one request to each of them, and would refuse all others that had waited
  local is_own = waited[id]
  if is_own or requests[id] or tried[id] or held[id] then begin_try(id) end
  if is_native and not is_own and pick_natively(id) then return end
  local now = dict:get("state")
  if now ~= state or (rising_until > 0 and ngx.now() >= rising_until) then refresh(now) end
  repeat
    local is_done
    if is_native and not is_own then is_done = pick_natively(id) else is_done = pick_ourselves(id) end
  until is_done
end

local function is_session()
  if ngx.status == 101 then return true end
  local kind = ngx.header.content_type
  return type(kind) == "string" and kind:sub(1, 17) == "text/event-stream"
end

-- The answer's header tells where nginx's own balancing had sent the request. While nothing is out only this worker
-- notes it.
function gate.attribute()
  local id = request_id()
  if ngx.is_subrequest then return forget(id) end
  if placed[id] then placed[id] = nil end
  local key = requests[id]
  local node = key and nodes_by_key[key]
  if not key or (node and not config.tells_sessions) then return end
  if not node then
    local address = ngx.var.upstream_addr
    node = nodes_by_address[address]
    if not node then
      node = address and nodes_by_address[address:match("[^, ]+$")]
      if not node then return end
      several[id] = true
    end
  end
  if config.tells_sessions and is_session() then
    placed[id] = session_keys[node]
  elseif not nodes_by_key[key] then
    placed[id] = known_keys[node]
  else
    return
  end
  if not is_native then tell_placed() end
end

function gate.finish()
  local id = request_id()
  local node = not several[id] and nodes_by_key[placed[id]]
  forget(id)
  if note_traffic and (node or config.owns_server or not ngx.is_subrequest) then note_traffic(node) end
end
`;
