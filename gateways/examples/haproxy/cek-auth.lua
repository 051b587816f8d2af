-- The action cek_auth SOCKET PATH: what cek-auth says of the request's token, as variables of the transaction.
--   txn.cek_status         its status, 0 without an answer
--   txn.cek_authorization  with 200: what replaces the client's Authorization
--   txn.cek_sub, _scope    with 200: claims
--   txn.cek_www            WWW-Authenticate
local TIMEOUT_MS = 1000 -- HAProxy's client tries four times: the request waits four times as long at most

local function first(headers, name)
	local values = headers and headers[name]
	return values and values[0] or nil
end

core.register_action("cek_auth", { "http-req" }, function(txn, socket, path)
	local asked = { ["host"] = { "cek-auth" } }
	local authorization = txn.sf:req_fhdr("authorization")
	if authorization ~= nil and authorization ~= "" then
		asked["authorization"] = { authorization }
	end
	local ok, answer = pcall(function()
		return core.httpclient():get({ url = "http://cek-auth" .. path, dst = socket, timeout = TIMEOUT_MS, headers = asked })
	end)
	if not ok or answer == nil or answer.status == nil then
		txn:set_var("txn.cek_status", 0)
		return
	end
	txn:set_var("txn.cek_status", answer.status)
	txn:set_var("txn.cek_www", first(answer.headers, "www-authenticate") or "Bearer")
	if answer.status == 200 then
		local jwt = first(answer.headers, "authorization")
		if jwt ~= nil and jwt ~= "" then
			txn:set_var("txn.cek_authorization", jwt)
		end
		txn:set_var("txn.cek_sub", first(answer.headers, "x-jwt-sub") or "")
		txn:set_var("txn.cek_scope", first(answer.headers, "x-jwt-scope") or "")
	end
end, 2)
