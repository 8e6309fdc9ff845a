// The Lua code that tells least_conn how many requests each node has; see gate-balance-lua.ts.

/**
 * `make_loads`, which gives the function that answers with the requests under way to each node, by name: those of this worker as they are,
 * those of the others as the shared dict has them, read again whenever nginx's clock has moved on (a millisecond; more where there are so many
 * counters that reading them would cost more than a few per cent).
 *
 * Who the others are is looked up when one more has begun. The counts of one that has crashed stay in the dict until a controller
 * drops them, so that only those are believed whose process is there.
 */
export const loadLua = `
local function make_loads(dict, pid, own)
local READS_PER_MS = 100
local sums, others, known_starts, read_at, pause = {}, {}, nil, 0, 0
local kinds = config.tells_sessions and { "k:", "s:" } or { "k:" }

local function is_there(other)
  local file = io.open("/proc/" .. other .. "/stat")
  if file then file:close() end
  return file ~= nil
end

local function list_others()
  local count = 0
  for _, peer in ipairs(config.peers) do others[peer.name] = {} end
  for _, key in ipairs(dict:get_keys(0)) do
    local other = key:match("^w:(%d+)$")
    if other and other ~= tostring(pid) and is_there(other) then
      for name, keys in pairs(others) do
        for _, kind in ipairs(kinds) do keys[#keys + 1] = kind .. other .. ":" .. name end
        count = count + #kinds
      end
    end
  end
  pause = math.floor(count / READS_PER_MS) / 1000
end

local function read_others(now)
  read_at = now
  local starts = dict:get("starts")
  if starts ~= known_starts then
    known_starts = starts
    list_others()
  end
  for name, keys in pairs(others) do
    local sum = 0
    for index = 1, #keys do sum = sum + math.max(0, dict:get(keys[index]) or 0) end
    sums[name] = sum
  end
end

dict:safe_add("starts", 0)
dict:incr("starts", 1)

return function(name)
  local now = ngx.now()
  if now - read_at > pause then read_others(now) end
  return own[name] + sums[name]
end
end
`;
