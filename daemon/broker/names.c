#include <stdbool.h>
#include <string.h>

#include "daemon/broker/names.h"

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

/* Length of the UTF-8 sequence at s, 0 if it is none (RFC 3629). */
static size_t utf8_sequence(const unsigned char *s)
{
	size_t n = 0;

	if (s[0] < 0x80)
		n = 1;
	else if (s[0] >= 0xc2 && s[0] < 0xe0)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] < 0xf0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] < 0xf5)
		n = 4;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool text_valid(const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;

	if (strlen(text) > max)
		return false;
	while (*s) {
		size_t n = utf8_sequence(s);

		if (n == 0 || *s < 0x20 || *s == 0x7f)
			return false;
		s += n;
	}
	return true;
}
