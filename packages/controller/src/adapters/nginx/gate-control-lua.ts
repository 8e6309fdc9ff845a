import { epochMark } from './gate-count-lua.ts';

// The Lua code of the gate's control location; see gate-lua.ts.

/**
 * The control location (unix socket only): GET gives `state …` and one line for each counter, POST sets the state
 * if its epoch is newer (409 otherwise), DELETE drops the counters of the worker pids in the body.
 */
export const controlLua: string = `
local dict = ngx.shared[config.dict]
local MARK = ${epochMark}
if ngx.var.http_x_lameduck_token ~= config.token then return ngx.exit(403) end
dict:safe_add("state", config.seed)
local method = ngx.req.get_method()
if method == "POST" or method == "DELETE" then
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  if method == "DELETE" then
    local dead = {}
    for pid in body:gmatch("%d+") do dead[pid] = true end
    for _, key in ipairs(dict:get_keys(0)) do
      if dead[key:match("^[kuwhs]:(%d+)") or ""] then dict:delete(key) end
    end
  else
    if not body:match("^%d+[ a-z0-9@=:-]*$") then return ngx.exit(400) end
    local epoch = tonumber(dict:get("state"):match("^%d+"))
    if tonumber(body:match("^%d+")) <= epoch then return ngx.exit(409) end
    local is_set, problem = dict:safe_set("state", body)
    if not is_set then
      ngx.status = 507
      ngx.print(problem)
      return
    end
    local own_end = ":" .. body:match("^%d+")
    for _, key in ipairs(dict:get_keys(0)) do
      if key:sub(1, 2) == "u:" and key:sub(-#own_end) ~= own_end then dict:incr(key, MARK) end
    end
  end
end
local lines = { "state " .. dict:get("state") }
for _, key in ipairs(dict:get_keys(0)) do
  if key ~= "state" then
    local value = dict:get(key) or 0
    if key:sub(1, 2) == "u:" then value = value % MARK end
    lines[#lines + 1] = key .. " " .. tostring(value)
  end
end
ngx.print(table.concat(lines, "\\n"), "\\n")
`;
