-- check(): asks cek-auth about the request's token. What it promises replaces what the client sent under the same names.
local unix = require "socket.unix"

local SOCKET = "/run/cek-auth/auth.sock"
local PATH = "/v1/auth/api"
local TIMEOUT_S = 3
local PROMISED = { "Authorization", "X-Jwt-Sub", "X-Jwt-Scope" }

-- The status and the headers (by names in lower case); nothing if there was no whole answer.
local function ask(authorization)
	local connection = unix()
	connection:settimeout(TIMEOUT_S, "t")
	local lines = { "GET " .. PATH .. " HTTP/1.1", "Host: cek-auth", "Connection: close" }
	if authorization then
		lines[#lines + 1] = "Authorization: " .. authorization
	end
	local status, headers, line = nil, {}, nil
	if connection:connect(SOCKET) and connection:send(table.concat(lines, "\r\n") .. "\r\n\r\n") then
		line = connection:receive("*l")
		status = line and tonumber(line:match("^HTTP/1%.1 (%d%d%d)"))
		line = status and connection:receive("*l")
		while line and line ~= "" do
			local name, value = line:match("^([^:]+):[ \t]*(.*)$")
			if name then
				headers[name:lower()] = value
			end
			line = connection:receive("*l")
		end
	end
	connection:close()
	if line == "" then
		return status, headers
	end
end

function check(r)
	-- Apache joins several with a comma, which cek-auth refuses.
	local status, headers = ask(r.headers_in["Authorization"])
	if status == 200 and headers["authorization"] and headers["authorization"] ~= "" then
		for _, name in ipairs(PROMISED) do
			r.headers_in[name] = headers[name:lower()] or ""
		end
		return apache2.OK
	end
	if status == 401 or status == 403 then
		r.err_headers_out["WWW-Authenticate"] = headers["www-authenticate"] or "Bearer"
		return status
	end
	if status and status >= 400 and status < 500 then
		return 400
	end
	if status == 500 then
		return 500
	end
	r.err_headers_out["Retry-After"] = "1"
	return 503
end
