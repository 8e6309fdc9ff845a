// The Lua code with which the gate picks by a key, as nginx itself would; see gate-balance-lua.ts.

/** A worker makes its table of points at its first request: 4,000 take about 0.6 s and 19 MB, measured. */
export const consistentWeightLimit = 4_000;

/**
 * `make_hash`, which gives the function that picks one of some peers by a key: for each key the one that nginx's `ip_hash`,
 * `hash` or `hash … consistent` would pick if the other peers were marked `down`, in the gate as in reload mode.
 * https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash
 *
 * All three look for a place on a scale on which each peer has a share by its weight, and try on from there while the peer they meet
 * may not be picked: with another hash of the key (`ip_hash`, `hash`), or at the next point (`consistent`). As the scale is that of
 * all peers, a peer that leaves moves its own keys and no others. After so many tries nginx takes turns; here the key still has
 * one peer, so that sessions stay together. A key that is empty takes turns in both. A peer whose weight rises is met by as many
 * of its keys as its share says, always the same.
 */
export const hashLua = `
local function make_hash(weight_of, round_robin)
local MOST_TRIES, POINTS = 21, 160
local band, rshift, char, floor = bit.band, bit.rshift, string.char, math.floor
local all = config.peers
local may_pick, asked_for, find = {}, nil, nil
local weights = {}

-- The first place in a list that rises whose value is not less.
local function first_at_least(list, wanted)
  local first, last = 1, #list + 1
  while first < last do
    local middle = floor((first + last) / 2)
    if list[middle] < wanted then first = middle + 1 else last = middle end
  end
  return first
end

-- From 0 to 1, as good as chance: of sums such as crc32 the same keys would come first for every peer.
local function chance_of(text)
  local a, b, c, d = ngx.md5_bin(text):byte(1, 4)
  return (((a * 256 + b) * 256 + c) * 256 + d + 0.5) / 4294967296
end

local function is_free(peer, key)
  if not may_pick[peer] then return false end
  local weight, full_weight = weight_of(peer)
  return weight >= full_weight or chance_of(key .. "|" .. peer.name) < weight / full_weight
end

local function text_key()
  local parts = {}
  for index, part in ipairs(config.key) do
    parts[index] = part.text or ngx.var[part.variable] or ""
  end
  return table.concat(parts)
end

-- Of a unix socket's client nginx takes no address, either.
local function address_key()
  local address = ngx.var.binary_remote_addr or ""
  if #address == 16 then return address end
  return #address == 4 and address:sub(1, 3) or "\\0\\0\\0"
end

local function next_of_address(key, hash)
  for place = 1, #key do hash = (hash * 113 + key:byte(place)) % 6271 end
  return hash
end

-- As Cache::Memcached does it.
local function next_of_text(key, hash, try)
  local text = try == 1 and key or (try - 1) .. key
  return hash + band(rshift(ngx.crc32_long(text), 16), 0x7fff)
end

local function make_slots(next_hash, first_hash)
  local ends, total = {}, 0
  for index, peer in ipairs(all) do
    total = total + weights[peer]
    ends[index] = total - 1
  end
  return function(key)
    local hash = first_hash
    for try = 1, MOST_TRIES do
      hash = next_hash(key, hash, try)
      local peer = all[first_at_least(ends, hash % total)]
      if is_free(peer, key) then return peer end
    end
  end
end

local function add_points(points, index, peer)
  local head = peer.port and peer.host .. "\\0" .. peer.port or peer.host:sub(#"unix:" + 1) .. "\\0"
  local former = "\\0\\0\\0\\0"
  for _ = 1, weights[peer] * POINTS do
    local hash = ngx.crc32_long(head .. former)
    points[#points + 1] = hash * 65536 + index
    former = char(band(hash, 255), band(rshift(hash, 8), 255), band(rshift(hash, 16), 255), rshift(hash, 24))
  end
end

-- Numbers that hold both, the hash and whose it is. Where two are equal nginx keeps the first.
local function sorted_points()
  local points, kept = {}, {}
  for index, peer in ipairs(all) do add_points(points, index, peer) end
  table.sort(points)
  for _, point in ipairs(points) do
    local before = kept[#kept]
    if not before or floor(before / 65536) ~= floor(point / 65536) then kept[#kept + 1] = point end
  end
  return kept
end

local function make_ring()
  local points = sorted_points()
  return function(key)
    local first = first_at_least(points, ngx.crc32_long(key) * 65536)
    for try = 1, MOST_TRIES do
      local peer = all[points[(first + try - 2) % #points + 1] % 65536]
      if is_free(peer, key) then return peer end
    end
  end
end

local key_of = config.balance == "ip_hash" and address_key or text_key

local function make_find()
  if config.balance == "ip_hash" then return make_slots(next_of_address, 89) end
  if config.balance == "hash" then return make_slots(next_of_text, 0) end
  return make_ring()
end

-- A table is made once, and again if a weight was changed for good.
local function look_at(peers)
  asked_for, may_pick = peers, {}
  for _, peer in ipairs(peers) do may_pick[peer] = true end
  local has_changed = false
  for _, peer in ipairs(all) do
    local _, full_weight = weight_of(peer)
    if weights[peer] ~= full_weight then weights[peer], has_changed = full_weight, true end
  end
  if has_changed then find = make_find() end
end

return function(peers)
  local key = key_of()
  if key == "" then return round_robin(peers) end
  if peers ~= asked_for then look_at(peers) end
  return find(key) or peers[ngx.crc32_long(key) % #peers + 1]
end
end
`;
