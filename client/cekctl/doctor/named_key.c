/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/named_key.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/cek.h"
#include "client/cekctl/doctor/ask.h"
#include "client/cekctl/rpc/rpc.h"

static const char step[] = "key";
static const char enc[] = "A256GCM";

/* ---- what is wrong with it -------------------------------------------------------------------------------------- */

/* One that can be brought back, the youngest first. */
static const Cek__V1__Version *find(const Cek__V1__Key *key, Cek__V1__State state)
{
	for (size_t i = key->n_version; i > 0; i--)
		if (key->version[i - 1]->state == state)
			return key->version[i - 1];
	return NULL;
}

static const Cek__V1__Version *find_missing(const Cek__V1__Key *key)
{
	for (size_t i = key->n_version; i > 0; i--)
		if (key->version[i - 1]->missing)
			return key->version[i - 1];
	return NULL;
}

/* Commands that are copied: no text of cekd stands in them, which a shell would read. */
static void advise(const struct doctor *doctor, const Cek__V1__Key *key, char next[REPORT_TEXT])
{
	const Cek__V1__Version *suspended = find(key, CEK__V1__STATE__STATE_SUSPENDED);
	const Cek__V1__Version *waiting = find(key, CEK__V1__STATE__STATE_WAITING);

	if (find_missing(key))
		snprintf(next, REPORT_TEXT,
			"cekctl fsck: the token has no object for version %u of %s; restore the token",
			find_missing(key)->number, doctor->key);
	else if (suspended)
		snprintf(next, REPORT_TEXT, "cekctl key resume %s/%u, if its suspension is over", doctor->key,
			suspended->number);
	else if (waiting)
		snprintf(next, REPORT_TEXT, "cekctl key keep %s/%u, or: cekctl key rotate %s", doctor->key,
			waiting->number, doctor->key);
	else
		snprintf(next, REPORT_TEXT, "cekctl key rotate %s", doctor->key);
}

static int describe(struct doctor *doctor, Cek__V1__Reply **ret_reply, struct reach *ret_why)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	int r;

	describe.key = rpc_text(doctor->key);
	describe.brief = true;
	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = &describe;
	r = ask(doctor->ctl, &request, CEK__V1__REPLY__RESULT_KEY, ret_reply, ret_why);
	if (r == CEK_OK && !(*ret_reply)->key->key) {
		*ret_reply = rpc_reply_free(*ret_reply);
		r = CEK_E_PROTOCOL;
	}
	return r;
}

/* What to do about a key that is there and of no use, as far as this user may see its versions. */
static void advise_unusable(struct doctor *doctor, char next[REPORT_TEXT])
{
	Cek__V1__Reply *reply;
	struct reach why;

	snprintf(next, REPORT_TEXT, "an administrator looks at its versions: cekctl key show %s", doctor->key);
	if (describe(doctor, &reply, &why) != CEK_OK)
		return;
	advise(doctor, reply->key->key, next);
	rpc_reply_free(reply);
}

static const Cek__V1__Version *usable(const Cek__V1__Key *key)
{
	for (size_t i = key->n_version; i > 0; i--) {
		const Cek__V1__Version *version = key->version[i - 1];

		if (!version->missing &&
			(version->state == CEK__V1__STATE__STATE_ACTIVE ||
				version->state == CEK__V1__STATE__STATE_DEACTIVATED))
			return version;
	}
	return NULL;
}

static void unusable(struct doctor *doctor, const Cek__V1__Key *key)
{
	char next[REPORT_TEXT];

	advise(doctor, key, next);
	report_fail(doctor, step, "UNUSABLE", next, "%s: it has no version that can unwrap", doctor->key);
}

static void failed(struct doctor *doctor, const char *what, int status, const struct reach *why)
{
	char next[REPORT_TEXT];

	snprintf(next, sizeof(next), "%s", why->hint[0] ? why->hint : "look at cekd's log: journalctl -u cekd");
	if (status == CEK_UNKNOWN_KEY)
		snprintf(next, sizeof(next), "name another key: %s",
			why->hint[0] ? why->hint : "cekctl key list shows those that you may see");
	else if (status == CEK_UNUSABLE)
		advise_unusable(doctor, next);
	else if (status == CEK_FAILED)
		snprintf(next, sizeof(next), "look at cekd's log: journalctl -u cekd");
	report_fail(doctor, step, why->status, next, "%s: %s with %s: %s", doctor->key, what, enc, why->message);
}

/* ---- the try ---------------------------------------------------------------------------------------------------- */

static int explained(struct doctor *doctor, int status, const cek_result *result, struct reach *ret_why)
{
	if (status != CEK_OK)
		rpc_explain(doctor->ctl, status, result ? cek_result_message(result) : NULL, ret_why);
	return status;
}

static void judge(struct doctor *doctor, const cek_result *made, const cek_result *opened)
{
	const struct cek_bytes a = cek_result_cek(made), b = cek_result_cek(opened);

	if (a.len > 0 && a.len == b.len && memcmp(a.data, b.data, a.len) == 0)
		report_add(doctor, step, REPORT_OK, "%s: a CEK was wrapped and unwrapped (%s, kid %.256s)", doctor->key,
			cek_result_alg(made), cek_result_kid(made));
	else
		report_fail(doctor, step, "INTERNAL", "stop using this key and look at cekd's log: journalctl -u cekd",
			"%s: what was unwrapped is not what was wrapped", doctor->key);
}

static void open_again(struct doctor *doctor, const cek_result *made)
{
	const struct cek_unwrap args = {
		.kid = cek_result_kid(made),
		.key = doctor->key,
		.alg = cek_result_alg(made),
		.enc = enc,
		.encrypted_key = cek_result_encrypted_key(made),
		.params = cek_result_params(made),
	};
	cek_result *opened = NULL;
	struct reach why;
	int r;

	doctor->ctl->operation = "unwrap";
	r = explained(doctor, cek_unwrap(doctor->ctl->conn, &args, rpc_timeout(doctor->ctl), &opened), opened, &why);
	if (r == CEK_OK)
		judge(doctor, made, opened);
	else if (r == CEK_DENIED)
		report_add(doctor, step, REPORT_WARNING, "%s: a CEK was wrapped; to unwrap is not granted to you",
			doctor->key);
	else
		failed(doctor, "unwrap", r, &why);
	cek_result_free(opened);
}

static void try_both(struct doctor *doctor)
{
	const struct cek_wrap args = {.key = doctor->key, .enc = enc};
	cek_result *made = NULL;
	struct reach why;
	int r;

	doctor->ctl->operation = "generate";
	r = explained(doctor, cek_wrap(doctor->ctl->conn, &args, rpc_timeout(doctor->ctl), &made), made, &why);
	if (r == CEK_OK)
		open_again(doctor, made);
	else
		failed(doctor, "wrap", r, &why);
	cek_result_free(made);
}

/* Who may only unwrap has nothing to unwrap: then its versions have to do, as far as they are shown. */
static void look_at_versions(struct doctor *doctor)
{
	Cek__V1__Reply *reply = NULL;
	struct reach why;
	int r = describe(doctor, &reply, &why);

	if (r != CEK_OK)
		report_add(doctor, step, REPORT_SKIPPED, "%s: you may neither wrap with it nor see its versions",
			doctor->key);
	else if (usable(reply->key->key))
		report_add(doctor, step, REPORT_OK,
			"%s: version %u can unwrap; it was not tried, since you may not wrap", doctor->key,
			usable(reply->key->key)->number);
	else
		unusable(doctor, reply->key->key);
	if (r == CEK_OK)
		rpc_reply_free(reply);
}

static bool may_generate(const struct doctor *doctor)
{
	const Cek__V1__ExplainReply *explain = doctor->explain ? doctor->explain->explain : NULL;

	for (size_t i = 0; explain && i < explain->n_operations; i++)
		if (strcmp(explain->operations[i], "generate") == 0)
			return true;
	return !explain;
}

void named_key_look(struct doctor *doctor)
{
	if (doctor->failed)
		report_add(doctor, step, REPORT_SKIPPED, "%s: what failed above comes first", doctor->key);
	else if (may_generate(doctor))
		try_both(doctor);
	else
		look_at_versions(doctor);
}
