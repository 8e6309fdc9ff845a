// The Lua code of the gate's ways to balance; see gate-lua.ts.

/**
 * `make_pick`, which gives the function that picks one of some peers as `config.balance` says. It is called with the
 * weight of a peer as it is now, and with the table of the requests that this worker has under way to each node.
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

local function least_conn(peers)
  local least, ties = nil, {}
  for _, peer in ipairs(peers) do
    local load = load_by_name[peer.name] / weight_of(peer)
    if not least or load < least then least, ties = load, {} end
    if load == least then ties[#ties + 1] = peer end
  end
  return round_robin(ties)
end

local function hash_key()
  if config.balance == "ip_hash" then
    local address = ngx.var.remote_addr or ""
    return address:match("^(%d+%.%d+%.%d+)%.%d+$") or address
  end
  local parts = {}
  for index, part in ipairs(config.key) do
    parts[index] = part.text or ngx.var[part.variable] or ""
  end
  return table.concat(parts)
end

-- From 0 to 1, as good as chance: sums such as crc32 of two names differ by the same bits for every key, and weights
-- would not hold.
local function point_of(text)
  local a, b, c, d = ngx.md5_bin(text):byte(1, 4)
  return (((a * 256 + b) * 256 + c) * 256 + d + 0.5) / 4294967296
end

-- Weighted rendezvous hashing: a node that leaves moves its own keys and no others.
local function hash(peers)
  local key, best, best_score = hash_key(), nil, nil
  for _, peer in ipairs(peers) do
    local score = -weight_of(peer) / math.log(point_of(key .. "|" .. peer.name))
    if not best or score > best_score then best, best_score = peer, score end
  end
  return best
end

local pick_by_balance = { round_robin = round_robin, least_conn = least_conn, ip_hash = hash, hash = hash }
return pick_by_balance[config.balance]
end
`;
