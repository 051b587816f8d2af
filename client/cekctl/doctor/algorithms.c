/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/algorithms.h"

#include <stdio.h>
#include <string.h>

#include "client/cekctl/doctor/ask.h"
#include "client/cekctl/rpc/rpc.h"
#include "proto/alg.h"

enum { PAGES_MAX = 1000 };

static const Cek__V1__AlgStatus *find(const Cek__V1__StatusReply *status, const char *alg)
{
	for (size_t i = 0; i < status->n_alg; i++)
		if (strcmp(status->alg[i]->alg, alg) == 0)
			return status->alg[i];
	return NULL;
}

static void judge(struct doctor *doctor, const Cek__V1__AlgStatus *alg, const char *key)
{
	char next[REPORT_TEXT];

	if (alg->untried) {
		report_fail(doctor, "algorithms", "UNAVAILABLE",
			"wait: cekd tries it again; cekctl status shows how it went",
			"whether the token can do %s, which key %s needs, is not known yet: %s", alg->alg, key,
			alg->how);
		return;
	}
	snprintf(next, sizeof(next),
		"have the token allow what %s needs (cekctl status says what that is), or make a key of another alg: "
		"cekctl key "
		"create NAME --alg ALG",
		alg->alg);
	report_fail(doctor, "algorithms", "UNSUPPORTED", next, "the token cannot do %s, which key %s needs: %s",
		alg->alg, key, alg->how);
}

/* A key with nothing left to unwrap with needs nothing. */
static bool is_in_use(const Cek__V1__Key *key)
{
	for (size_t i = 0; i < key->n_version; i++)
		if (key->version[i]->state != CEK__V1__STATE__STATE_DESTROYED)
			return true;
	return false;
}

/* Each alg is judged once, by the first key that needs it. */
struct seen {
	const char *alg[64];
	size_t n;
	unsigned keys;
	bool failed;
};

static bool is_new(struct seen *seen, const char *alg)
{
	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->alg[i], alg) == 0)
			return false;
	if (seen->n < sizeof(seen->alg) / sizeof(seen->alg[0]))
		seen->alg[seen->n++] = alg;
	return true;
}

static void look_at_key(struct doctor *doctor, const Cek__V1__StatusReply *status, const Cek__V1__Key *key,
	struct seen *seen)
{
	const Cek__V1__AlgStatus *alg = find(status, key->alg);

	if ((doctor->key && strcmp(doctor->key, key->name) != 0) || !is_in_use(key))
		return;
	seen->keys++;
	if (!alg || !is_new(seen, alg->alg) || alg->available)
		return;
	judge(doctor, alg, key->name);
	seen->failed = true;
}

static void say_no_end(struct doctor *doctor, struct seen *seen)
{
	struct reach why;

	rpc_explain(doctor->ctl, CEK_E_PROTOCOL, "cekd's list of keys does not get on", &why);
	report_fail(doctor, "algorithms", why.status, why.hint, "%s", why.message);
	seen->failed = true;
}

/* False: this user may not list keys, or cekd fails. */
static bool look_at_keys(struct doctor *doctor, const Cek__V1__StatusReply *status, struct seen *seen)
{
	Cek__V1__ListKeysRequest list = CEK__V1__LIST_KEYS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	char after[KEY_NAME_MAX + 1] = "";
	bool more = true;

	request.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	request.list_keys = &list;
	for (int page = 0; more && page < PAGES_MAX; page++) {
		Cek__V1__Reply *reply;
		struct reach why;
		const Cek__V1__ListKeysReply *keys;

		list.after = after;
		if (ask(doctor->ctl, &request, CEK__V1__REPLY__RESULT_LIST_KEYS, &reply, &why) != CEK_OK)
			return false;
		keys = reply->list_keys;
		for (size_t i = 0; i < keys->n_key; i++)
			look_at_key(doctor, status, keys->key[i], seen);
		more = keys->more && keys->n_key > 0 && strcmp(keys->key[keys->n_key - 1]->name, after) > 0;
		if (more)
			snprintf(after, sizeof(after), "%s", keys->key[keys->n_key - 1]->name);
		else if (keys->more)
			say_no_end(doctor, seen);
		rpc_reply_free(reply);
	}
	return true;
}

static void count_available(struct doctor *doctor, const Cek__V1__StatusReply *status, const char *why)
{
	size_t n = 0;

	for (size_t i = 0; i < status->n_alg; i++)
		n += status->alg[i]->available != 0;
	report_add(doctor, "algorithms", REPORT_OK, "%zu of %zu available%s", n, status->n_alg, why);
}

void algorithms_look(struct doctor *doctor, const Cek__V1__StatusReply *status)
{
	struct seen seen = {.n = 0};

	if (status->n_alg == 0) {
		report_add(doctor, "algorithms", REPORT_SKIPPED, "no worker has told what the token can do");
		return;
	}
	if (!look_at_keys(doctor, status, &seen))
		count_available(doctor, status, "; which ones keys need you may not see");
	else if (!seen.failed)
		count_available(doctor, status,
			seen.keys > 0         ? ", all that keys need among them"
				: doctor->key ? ""
					      : "; no key needs any");
}
