/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/way.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/doctor/ask.h"
#include "client/cekctl/rpc/reach.h"
#include "client/cekctl/rpc/rpc.h"
#include "proto/alg.h"

enum { OPERATIONS_TEXT = 256 };

static const char start_it[] = "systemctl start cekd";
static const char name_one[] = "name the socket of a cekd: cekctl --socket PATH doctor";

/* No start makes a socket of that. */
static bool is_something_else(const char *path, int error)
{
	struct stat st;

	return error == EPROTOTYPE || (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode));
}

static void no_socket(struct doctor *doctor, const char *path, bool is_default, int error)
{
	struct reach reach;
	char next[REPORT_TEXT];

	reach_explain(path, error, &reach);
	if (is_something_else(path, error))
		snprintf(next, sizeof(next), "%s", name_one);
	else if (is_default)
		snprintf(next, sizeof(next), "%s", start_it);
	else
		snprintf(next, sizeof(next),
			"start the cekd whose socket is %.200s (%s), or name another one: cekctl --socket PATH doctor",
			path, start_it);
	report_fail(doctor, "socket", reach.status, next, "%s", reach.message);
}

/* Nobody reads, but somebody is there. */
static bool is_busy(int error)
{
	return error == EAGAIN;
}

static bool look_at_socket(struct doctor *doctor)
{
	bool is_default;
	const char *path = reach_path(doctor->ctl, &is_default);
	int error = reach_try(path);
	struct reach reach;

	if (error != 0 && error != EACCES && error != EPERM && !is_busy(error)) {
		no_socket(doctor, path, is_default, error);
		return false;
	}
	if (error == 0 || is_busy(error)) {
		report_add(doctor, "socket", REPORT_OK, "%.200s", path);
		report_add(doctor, "permission", REPORT_OK, "you may open it");
		return true;
	}
	reach_explain(path, error, &reach);
	if (access(path, F_OK) == 0)
		report_add(doctor, "socket", REPORT_OK, "%.200s", path);
	else
		report_add(doctor, "socket", REPORT_SKIPPED, "%.200s cannot be seen", path);
	report_fail(doctor, "permission", reach.status, reach.hint, "%s", reach.message);
	return false;
}

static void no_answer(struct doctor *doctor, int status, const struct reach *why)
{
	const char *next = why->hint[0] ? why->hint : "look at its log: journalctl -u cekd";

	if (status == CEK_E_TIMEOUT)
		next = "systemctl restart cekd";
	report_fail(doctor, "daemon", why->status, next, "%s", why->message);
}

static bool look_at_daemon(struct doctor *doctor)
{
	Cek__V1__StatusRequest status = CEK__V1__STATUS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	struct reach why;
	int r;

	request.op_case = CEK__V1__REQUEST__OP_STATUS;
	request.status = &status;
	doctor->before = clock_real_us();
	r = ask(doctor->ctl, &request, CEK__V1__REPLY__RESULT_STATUS_REPLY, &doctor->status, &why);
	doctor->after = clock_real_us();
	if (r == CEK_OK) {
		const Cek__V1__StatusReply *reply = doctor->status->status_reply;
		char time[OUTPUT_TIME];

		report_add(doctor, "daemon", REPORT_OK, "cekd %s answers, since %s", reply->version,
			output_time(reply->started, time));
	} else if (r == CEK_DENIED) {
		report_add(doctor, "daemon", REPORT_OK, "it answers, and no rule lets you see its state");
	} else {
		no_answer(doctor, r, &why);
	}
	return r == CEK_OK || r == CEK_DENIED;
}

/* ---- rule ------------------------------------------------------------------------------------------------------- */

static bool has(const Cek__V1__ExplainReply *reply, const char *operation)
{
	for (size_t i = 0; i < reply->n_operations; i++)
		if (strcmp(reply->operations[i], operation) == 0)
			return true;
	return false;
}

/* Who looks after cekd need not unwrap. */
static bool is_operator(const Cek__V1__ExplainReply *reply)
{
	return has(reply, "fsck") || has(reply, "create") || has(reply, "restore");
}

static const char *operations(const Cek__V1__ExplainReply *reply, char text[OPERATIONS_TEXT])
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < reply->n_operations && len < OPERATIONS_TEXT; i++)
		len += (size_t)snprintf(text + len, OPERATIONS_TEXT - len, "%s%s", i == 0 ? "" : " ",
			reply->operations[i]);
	return text;
}

/* What answers may be no cekd, and a shell is to read the listener's name. */
static void not_allowed(struct doctor *doctor, const char *listener, const char *why)
{
	const char *named = !*listener || key_name_valid(listener) ? listener : "LISTENER";
	const struct passwd *user = getpwuid(geteuid());
	char next[REPORT_TEXT], who[64];

	if (user)
		snprintf(who, sizeof(who), "%s", user->pw_name);
	else
		snprintf(who, sizeof(who), "%u", (unsigned)geteuid());
	snprintf(next, sizeof(next),
		"an administrator sees which rule of cekd.conf is missing: cekctl policy explain --user %s --operation "
		"unwrap%s%s%s%s",
		who, doctor->key ? " --key " : "", doctor->key ? doctor->key : "", *named ? " --listener " : "", named);
	report_fail(doctor, "rule", "DENIED", next, "%s", why);
}

static void judge_rule(struct doctor *doctor, const Cek__V1__ExplainReply *reply)
{
	char text[OPERATIONS_TEXT];

	if (reply->allowed && has(reply, "unwrap"))
		report_add(doctor, "rule", REPORT_OK, "uid %u at listener %s may %s", reply->uid, reply->listener,
			operations(reply, text));
	else if (!doctor->key && is_operator(reply))
		report_add(doctor, "rule", REPORT_WARNING, "uid %u at listener %s may %s, but not unwrap", reply->uid,
			reply->listener, operations(reply, text));
	else
		not_allowed(doctor, reply->listener, reply->why[0] ? reply->why : "unwrap is not granted");
}

/* A cekd that cannot explain is asked to open what nobody has made: DENIED stands before everything else. */
static void try_rule(struct doctor *doctor)
{
	uint8_t made_up[24] = {0};
	Cek__V1__UnwrapRequest unwrap = CEK__V1__UNWRAP_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply = NULL;
	struct reach why;
	int r;

	unwrap.key = rpc_text(doctor->key ? doctor->key : "doctor");
	unwrap.alg = rpc_text("A128KW");
	unwrap.enc = rpc_text("A128GCM");
	unwrap.encrypted_key = (ProtobufCBinaryData){.data = made_up, .len = sizeof(made_up)};
	request.op_case = CEK__V1__REQUEST__OP_UNWRAP;
	request.unwrap = &unwrap;
	r = ask(doctor->ctl, &request, CEK__V1__REPLY__RESULT_UNWRAP, &reply, &why);
	rpc_reply_free(reply);
	if (r == CEK_DENIED)
		not_allowed(doctor, "", "no rule grants unwrap to you at this listener");
	else
		report_add(doctor, "rule", REPORT_OK, "some rule grants unwrap to you at this listener");
}

static void look_at_rule(struct doctor *doctor)
{
	Cek__V1__ExplainRequest explain = CEK__V1__EXPLAIN_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	struct reach why;
	int r;

	explain.operation = rpc_text("unwrap");
	explain.key = rpc_text(doctor->key);
	request.op_case = CEK__V1__REQUEST__OP_EXPLAIN;
	request.explain = &explain;
	r = ask(doctor->ctl, &request, CEK__V1__REPLY__RESULT_EXPLAIN, &doctor->explain, &why);
	if (r == CEK_OK)
		judge_rule(doctor, doctor->explain->explain);
	else if (r == CEK_DENIED) /* everybody may ask about themselves, but whom cekd cannot tell from others */
		report_fail(doctor, "rule", why.status,
			"run it as a user whom the user namespace of cekd maps, or map this one", "%s", why.message);
	else
		try_rule(doctor);
}

bool way_look(struct doctor *doctor)
{
	if (!look_at_socket(doctor) || !look_at_daemon(doctor))
		return false;
	look_at_rule(doctor);
	return true;
}
