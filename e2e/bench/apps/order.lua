-- What wrk sends where a body is wanted.
wrk.method = "POST"
wrk.path = "/orders"
wrk.body = '{"item":"tea","count":3}'
wrk.headers["Content-Type"] = "application/json"
