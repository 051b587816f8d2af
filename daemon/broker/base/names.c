/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "daemon/broker/base/names.h"
#include "proto/utf8.h"

const char *status_name(enum status status)
{
	static const char *const names[STATUS_COUNT] = {
		[STATUS_OK] = "OK",
		[STATUS_MALFORMED] = "MALFORMED",
		[STATUS_TOO_LARGE] = "TOO_LARGE",
		[STATUS_DEADLINE] = "DEADLINE",
		[STATUS_INTERNAL] = "INTERNAL",
		[STATUS_FAILED] = "FAILED",
		[STATUS_UNKNOWN_KEY] = "UNKNOWN_KEY",
		[STATUS_UNUSABLE] = "UNUSABLE",
		[STATUS_DENIED] = "DENIED",
		[STATUS_UNAVAILABLE] = "UNAVAILABLE",
		[STATUS_OVERLOADED] = "OVERLOADED",
		[STATUS_CONFLICT] = "CONFLICT",
		[STATUS_UNSUPPORTED] = "UNSUPPORTED",
		[STATUS_NOT_IMPLEMENTED] = "NOT_IMPLEMENTED",
	};

	return status > STATUS_PENDING && status < STATUS_COUNT && names[status] ? names[status] : "?";
}

const char *state_name(enum state state)
{
	static const char *const names[STATE_COUNT] = {
		[STATE_PRE_ACTIVE] = "pre-active",
		[STATE_ACTIVE] = "active",
		[STATE_DEACTIVATED] = "deactivated",
		[STATE_SUSPENDED] = "suspended",
		[STATE_COMPROMISED] = "compromised",
		[STATE_DESTROYED] = "destroyed",
		[STATE_WAITING] = "waiting to be destroyed",
	};

	return state > STATE_NONE && state < STATE_COUNT && names[state] ? names[state] : "?";
}

bool text_valid(const char *text, size_t max)
{
	if (strlen(text) > max)
		return false;
	while (*text) {
		size_t n = utf8_printable_len(text);

		if (n == 0)
			return false;
		text += n;
	}
	return true;
}
