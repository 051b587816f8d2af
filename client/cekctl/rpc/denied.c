/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/denied.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "client/cekctl/console/given.h"
#include "client/cekctl/rpc/quiet.h"
#include "proto/alg.h"

/* Administrators have a socket of their own beside the default one. */
static const char operations_socket[] = "/run/cekd/operations.sock";

static const struct {
	Cek__V1__Request__OpCase op;
	const char *operation;
} rows[] = {
	{CEK__V1__REQUEST__OP_UNWRAP, "unwrap"}, {CEK__V1__REQUEST__OP_WRAP, "wrap"},
	{CEK__V1__REQUEST__OP_GENERATE_CEK, "generate"}, {CEK__V1__REQUEST__OP_REWRAP, "rewrap"},
	{CEK__V1__REQUEST__OP_CREATE_KEY, "create"}, {CEK__V1__REQUEST__OP_ROTATE_KEY, "rotate"},
	{CEK__V1__REQUEST__OP_SET_KEY_STATE, "state"}, {CEK__V1__REQUEST__OP_DESTROY_VERSION, "destroy"},
	{CEK__V1__REQUEST__OP_IMPORT_KEY, "import"}, {CEK__V1__REQUEST__OP_ADOPT_KEY, "adopt"},
	{CEK__V1__REQUEST__OP_GET_TRANSPORT_KEY, "import"}, {CEK__V1__REQUEST__OP_SET_KEY_SCHEDULE, "schedule"},
	{CEK__V1__REQUEST__OP_ALIAS, "import"}, {CEK__V1__REQUEST__OP_LIST_KEYS, "list"},
	{CEK__V1__REQUEST__OP_DESCRIBE_KEY, "list"}, {CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS, "public"},
	{CEK__V1__REQUEST__OP_STATUS, "status"}, {CEK__V1__REQUEST__OP_METRICS, "metrics"},
	{CEK__V1__REQUEST__OP_WATCH, "watch"}, {CEK__V1__REQUEST__OP_FSCK, "fsck"},
	{CEK__V1__REQUEST__OP_RESTORE, "restore"}, {CEK__V1__REQUEST__OP_EXPLAIN, "fsck"}, /* about others */
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *of_case(int op)
{
	for (size_t i = 0; i < ROWS; i++)
		if ((int)rows[i].op == op)
			return rows[i].operation;
	return NULL;
}

static bool stands_before(size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(rows[j].operation, rows[i].operation) == 0)
			return true;
	return false;
}

const char *denied_row(size_t n)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!stands_before(i) && n-- == 0)
			return rows[i].operation;
	return NULL;
}

const char *denied_operation(const Cek__V1__Request *request)
{
	if (request->op_case == CEK__V1__REQUEST__OP_PREVIEW) /* under the numbers of the changes themselves */
		return of_case((int)request->preview->change_case);
	return of_case((int)request->op_case);
}

/* Over a connection of its own: a callback of the other one may be what asks. */
static Cek__V1__Reply *explain_at(const char *path, const char *operation, const char *key)
{
	cek_conn *conn = NULL;
	Cek__V1__Reply *reply;

	if (cek_conn_new(path, &conn) != CEK_OK)
		return NULL;
	reply = quiet_explain(conn, operation, key);
	cek_conn_free(conn);
	return reply;
}

/* Who administers need not be allowed everything: the CEKs are for others. */
static bool allowed_at(const char *path, const char *operation, const char *key)
{
	Cek__V1__Reply *reply = access(path, W_OK) == 0 ? explain_at(path, operation, key) : NULL;
	bool allowed = reply && reply->explain->allowed;

	if (reply)
		cek__v1__reply__free_unpacked(reply, NULL);
	return allowed;
}

/* It asks about the listener that this user came to; what answers may be no cekd, and a shell is to read its name. */
static void name_rule(const struct ctl *ctl, const char *user, const char *key, const char *path, char *text,
	size_t size)
{
	Cek__V1__Reply *reply = explain_at(path, ctl->operation, key);
	const char *listener = reply && key_name_valid(reply->explain->listener) ? reply->explain->listener
										 : "LISTENER";

	snprintf(text, size,
		"; which rule is missing, administrators see with: cekctl policy explain --user %.63s "
		"--operation %.32s%s%s --listener %.64s",
		user, ctl->operation ? ctl->operation : "OPERATION", key ? " --key " : "", key ? key : "", listener);
	if (reply)
		cek__v1__reply__free_unpacked(reply, NULL);
}

void denied_hint(const struct ctl *ctl, char hint[REACH_TEXT])
{
	const struct passwd *account = getpwuid(geteuid());
	const char *key = given_find(ctl, "NAME");
	char user[64];
	bool is_default;
	const char *path = reach_path(ctl, &is_default);
	int n;

	snprintf(user, sizeof(user), "%u", (unsigned)geteuid());
	n = snprintf(hint, REACH_TEXT, "cekd sees uid %s%s%.64s%s at %.128s", user, account ? " (" : "",
		account ? account->pw_name : "", account ? ")" : "", path);
	if (account)
		snprintf(user, sizeof(user), "%.63s", account->pw_name);
	if (!key_name_valid(key))
		key = NULL;
	if (is_default && ctl->operation && allowed_at(operations_socket, ctl->operation, key))
		snprintf(hint + n, REACH_TEXT - (size_t)n, "; administrators use --socket %s", operations_socket);
	else
		name_rule(ctl, user, key, path, hint + n, REACH_TEXT - (size_t)n);
}
