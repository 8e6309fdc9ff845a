// The Lua code of the gate's ways to balance; see gate-lua.ts.

/**
 * `make_pick`, which gives the function that picks one of some peers as `config.balance` says. It is called with the
 * weight of a peer as it is now, and with the table of the requests that this worker has under way to each node. Calls `make_loads`
 * of gate-load-lua.ts or `make_hash` of gate-hash-lua.ts, which stand above it where they are needed.
 */
export const balanceLua = `
local function make_pick(weight_of, load_by_name)
local current_weight = {}

-- nginx's smooth weighted round robin (ngx_http_upstream_round_robin.c), for one worker
local function round_robin(peers)
  local total, best = 0, nil
  for _, peer in ipairs(peers) do
    local own = weight_of(peer)
    local weight = (current_weight[peer.name] or 0) + own
    current_weight[peer.name] = weight
    total = total + own
    if not best or weight > current_weight[best.name] then best = peer end
  end
  current_weight[best.name] = current_weight[best.name] - total
  return best
end

-- As nginx does: the fewest for the weight, and among those in turns.
local function make_least_conn()
  local load_of = make_loads(ngx.shared[config.dict], ngx.worker.pid(), load_by_name)
  return function(peers)
    local least, ties = nil, {}
    for _, peer in ipairs(peers) do
      local load = load_of(peer.name) / weight_of(peer)
      if not least or load < least then least, ties = load, {} end
      if load == least then ties[#ties + 1] = peer end
    end
    return round_robin(ties)
  end
end

if config.balance == "round_robin" then return round_robin end
if config.balance == "least_conn" then return make_least_conn() end
return make_hash(weight_of, round_robin)
end
`;
