/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/exits.h"

#include <stdlib.h>
#include <string.h>

static const char try_again[] = "try again in a while";
static const char own_log[] = "cekd's log says more";
static const char look_for_keys[] =
	"it may be there and not be yours: \"cekctl key list\" shows the keys that you may see";

/* UNUSABLE is no conflict: to look again changes nothing, somebody has to resume, keep or bring back that version. */
const struct exit_row exit_rows[] = {
	{"OK", EXIT_SUCCESS, NULL},
	{"MALFORMED", EXIT_FAILURE, NULL},
	{"TOO_LARGE", EXIT_FAILURE, NULL},
	{"DEADLINE", EXIT_TRY_AGAIN, "cekd gave up within its own time limit: try again in a while"},
	{"INTERNAL", EXIT_FAILURE, own_log},
	{"FAILED", EXIT_FAILURE, NULL},
	{"UNKNOWN_KEY", EXIT_UNKNOWN_KEY, look_for_keys},
	{"UNUSABLE", EXIT_FAILURE, "\"cekctl key show\" tells the state of each version"},
	{"DENIED", EXIT_DENIED, NULL},
	{"UNAVAILABLE", EXIT_TRY_AGAIN, try_again},
	{"OVERLOADED", EXIT_TRY_AGAIN, try_again},
	{"CONFLICT", EXIT_CONFLICT, "look at it again, then decide"},
	{"UNSUPPORTED", EXIT_FAILURE, NULL},
	{"NOT_IMPLEMENTED", EXIT_FAILURE, NULL},
	{"UNKNOWN", EXIT_FAILURE, "this cekctl is older than cekd"},
	{"E_INVALID", EXIT_USAGE, NULL},
	{"E_NOMEM", EXIT_FAILURE, NULL},
	{"E_CONNECT", EXIT_TRY_AGAIN, NULL},
	{"E_DISCONNECTED", EXIT_TRY_AGAIN, "it may have been done: look before you repeat a change"},
	{"E_TIMEOUT", EXIT_TRY_AGAIN, "it may still be done: look before you repeat a change"},
	{"E_CANCELLED", EXIT_FAILURE, NULL},
	{"E_PROTOCOL", EXIT_FAILURE, "--socket PATH or $CEK_SOCKET names another socket"},
	{"E_FULL", EXIT_TRY_AGAIN, try_again},
	{"POLICY", EXIT_FAILURE, NULL},
	{"NO_KEY", EXIT_UNKNOWN_KEY, look_for_keys},
	{"NOMEM", EXIT_FAILURE, NULL},
	{STATUS_LOCAL, EXIT_FAILURE, NULL},
	{STATUS_USAGE, EXIT_USAGE, NULL},
	{STATUS_PERMISSION, EXIT_DENIED, NULL},
	{STATUS_FINDINGS, EXIT_FAILURE, NULL},
	{STATUS_BROKEN, EXIT_FAILURE, NULL},
	{0},
};

const struct exit_row *exit_row(const char *status)
{
	static const struct exit_row unknown = {"UNKNOWN", EXIT_FAILURE, own_log};

	for (const struct exit_row *row = exit_rows; row->status; row++)
		if (strcmp(row->status, status) == 0)
			return row;
	return &unknown;
}
