/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h: what statuses and states are called. */
#include "client/cek.h"

static const struct row {
	int status;
	bool temporary;
	const char *name;
	const char *text;
} rows[] = {
	{CEK_OK, false, "OK", ""},
	{CEK_MALFORMED, false, "MALFORMED", "the request breaks the rules of the protocol"},
	{CEK_TOO_LARGE, false, "TOO_LARGE", "the request is larger than allowed"},
	{CEK_DEADLINE, true, "DEADLINE", "not finished before the request's deadline"},
	{CEK_INTERNAL, false, "INTERNAL", "a fault inside cekd; its log says more"},
	{CEK_FAILED, false, "FAILED", "the cryptographic operation failed"},
	{CEK_UNKNOWN_KEY, false, "UNKNOWN_KEY", "there is no such key for this caller"},
	{CEK_UNUSABLE, false, "UNUSABLE", "the key's state does not allow it"},
	{CEK_DENIED, false, "DENIED", "this caller may not do this operation"},
	{CEK_UNAVAILABLE, true, "UNAVAILABLE", "the token, a worker or the journal is down"},
	{CEK_OVERLOADED, true, "OVERLOADED", "a queue or a quota of cekd is full"},
	{CEK_CONFLICT, false, "CONFLICT", "the keys are not as the request assumed"},
	{CEK_UNSUPPORTED, false, "UNSUPPORTED", "cekd or its token does not know this"},
	{CEK_NOT_IMPLEMENTED, false, "NOT_IMPLEMENTED", "this version of cekd does not do this yet"},
	{CEK_E_INVALID, false, "E_INVALID", "an argument is not valid"},
	{CEK_E_NOMEM, false, "E_NOMEM", "out of memory"},
	{CEK_E_CONNECT, true, "E_CONNECT", "cannot connect to cekd"},
	{CEK_E_DISCONNECTED, true, "E_DISCONNECTED", "the connection to cekd ended before the answer"},
	{CEK_E_TIMEOUT, true, "E_TIMEOUT", "no answer in time"},
	{CEK_E_CANCELLED, false, "E_CANCELLED", "cancelled by the caller"},
	{CEK_E_PROTOCOL, false, "E_PROTOCOL", "the other side does not speak cekd's protocol"},
	{CEK_E_FULL, false, "E_FULL", "too much is queued on this connection"},
};

static const char *const states[] = {
	"unknown",
	"pre-active",
	"active",
	"deactivated",
	"suspended",
	"compromised",
	"destroyed",
	"waiting",
};

static const char *const reasons[] = {
	"",
	"alg",
	"unknown-kid",
	"suspended",
	"compromised",
	"waiting",
	"destroyed",
	"missing",
	"not-active",
	"untried",
};

static const struct row *row_find(int status)
{
	static const struct row unknown = {0, false, "UNKNOWN", "a status that this libcek does not know"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return &rows[i];
	return &unknown;
}

const char *cek_status_name(int status)
{
	return row_find(status)->name;
}

const char *cek_status_text(int status)
{
	return row_find(status)->text;
}

bool cek_status_is_temporary(int status)
{
	return row_find(status)->temporary;
}

const char *cek_state_name(int state)
{
	return state > 0 && (size_t)state < sizeof(states) / sizeof(states[0]) ? states[state] : states[0];
}

const char *cek_reason_name(int reason)
{
	return reason > 0 && (size_t)reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : reasons[0];
}
