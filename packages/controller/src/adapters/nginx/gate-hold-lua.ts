// The Lua code that lets requests wait at the edge; see gate-lua.ts.

/**
 * `hold`, the access phase of `@lameduck_hold`; it stands below the code of gate-lua.ts, whose state it reads, and gives
 * the module. The body of a request has been read by then: the balancer ends it with 502 where no node may be picked, and
 * error_page brings it here. Each request waits at most so long as the pause says, or as the configuration says while no node is
 * in rotation. That a client went away is seen by lua_check_client_abort, which ends the request.
 */
export const holdLua = `
local RETRY_AFTER_SECONDS = 5

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

function gate.hold()
  local id = request_id()
  local was_held = held[id]
  held[id] = nil
  if not was_held and ngx.var.lameduck_again ~= "1" then return ngx.exit(502) end
  follow_state()
  if #rest == 0 then wait_for_a_node(id) end
  if not was_held then return ngx.exec("@lameduck_last") end
end

return gate
`;
