// The Lua code that lets requests wait at the edge; see gate-lua.ts.

/**
 * `hold`, the access phase of `@lameduck_hold`; it stands below the code of gate-lua.ts, whose state it reads, and gives
 * the module. The body of a request has been read by then: the balancer ends it with 502 where no node may be picked, and
 * error_page brings it here. Each request waits at most so long as the pause says, or as the configuration says while no node is
 * in rotation. That a client went away is seen by lua_check_client_abort, which ends the request.
 *
 * A request that every node refused comes here, too. In a server of ours it is tried once more without nginx's marks
 * (`@lameduck_last`) and comes back if that was refused as well; `recursive_error_pages` lets it. Then its nodes may just have
 * died: it waits a moment for the controller to say so, and then as any other for a node.
 */
export const holdLua = `
local RETRY_AFTER_SECONDS = 5
-- Until it is known that a process has ended (a fifth of a second) and the gate has been told, on a machine that is very busy.
local SETTLE_SECONDS = math.min(5, config.hold_seconds)
local IS_IDEMPOTENT = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true }

-- Quick for a restart, which takes moments; slower for a long pause with many that wait.
local function wait_for_a_node(id)
  local began = ngx.now()
  waiting[id] = true
  dict:incr(waiting_key, 1)
  while #rest == 0 do
    local waited = ngx.now() - began
    if waited >= (pause_seconds or config.hold_seconds) then
      end_wait(id)
      ngx.header["Retry-After"] = RETRY_AFTER_SECONDS
      return ngx.exit(503)
    end
    ngx.sleep(math.max(0.02, math.min(0.1, waited / 20)))
    follow_state()
  end
  end_wait(id)
end

-- Its last try met nobody, and those before may be repeated: what nginx sends again by itself, or of which no byte was sent.
-- Not by a variable of the configuration: its value would be that of the first time.
local function was_refused()
  local times = ngx.var.upstream_connect_time
  if not times or times:sub(-1) ~= "-" then return false end
  return IS_IDEMPOTENT[ngx.req.get_method()] or not times:find("%d")
end

local function settle_rotation()
  local began = ngx.now()
  while #rest > 0 and ngx.now() - began < SETTLE_SECONDS do
    ngx.sleep(0.02)
    follow_state()
  end
end

function gate.hold()
  local id = request_id()
  local was_held = held[id]
  held[id] = nil
  local again = ngx.var.lameduck_again
  local is_ours = again ~= nil
  -- the tries of each visit are set apart
  local is_second = not is_ours or (ngx.var.upstream_connect_time or ""):find(":", 1, true)
  follow_state()
  if not was_held and is_second then
    if not was_refused() then return ngx.exit(502) end
    settle_rotation()
  elseif not was_held and again ~= "1" then
    return ngx.exit(502)
  end
  if #rest == 0 then wait_for_a_node(id) end
  if is_ours and not was_held then return ngx.exec("@lameduck_last") end
  waited[id] = true
end

return gate
`;
