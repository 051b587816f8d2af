/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/candidates.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cek.pb-c.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/listing.h"
#include "client/cekctl/rpc/near.h"
#include "client/cekctl/rpc/rpc.h"
#include "proto/alg.h"

enum {
	ABOUT = 128,
	VERSION_NAME = KEY_NAME_MAX + 16,
};

struct taker {
	candidates_take *take;
	void *data;
};

static int give_name(struct ctl *ctl, const Cek__V1__Key *key, void *data)
{
	const struct taker *taker = data;

	taker->take(key->name, key->alg, taker->data);
	return EXIT_SUCCESS;
}

/* What is destroyed is nothing that one wants to name. */
static void give_version(const Cek__V1__Key *key, const Cek__V1__Version *version, const struct taker *taker)
{
	char name[VERSION_NAME], about[ABOUT];

	if (version->state == CEK__V1__STATE__STATE_DESTROYED)
		return;
	snprintf(name, sizeof(name), "%s/%u", key->name, version->number);
	snprintf(about, sizeof(about), "%s, %s", name, keys_state(version->state));
	taker->take(name, keys_state(version->state), taker->data);
	taker->take(version->kid, about, taker->data);
	for (size_t i = 0; i < version->n_alias; i++)
		taker->take(version->alias[i], about, taker->data);
}

static int give_versions(struct ctl *ctl, const Cek__V1__Key *key, void *data)
{
	const Cek__V1__Version *active = keys_active(key);
	const struct taker *taker = data;
	char name[VERSION_NAME], about[ABOUT];

	if (active) {
		snprintf(name, sizeof(name), "%s/active", key->name);
		snprintf(about, sizeof(about), "version %u now", active->number);
		taker->take(name, about, taker->data);
	}
	for (size_t i = 0; i < key->n_version; i++)
		give_version(key, key->version[i], taker);
	return EXIT_SUCCESS;
}

/* Those that cekd's token can; false if that cannot be asked. */
static bool give_algs_of_token(struct ctl *ctl, const struct taker *taker)
{
	Cek__V1__StatusRequest status = CEK__V1__STATUS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	const Cek__V1__StatusReply *answer;
	Cek__V1__Reply *reply;

	request.op_case = CEK__V1__REQUEST__OP_STATUS;
	request.status = &status;
	if (rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_STATUS_REPLY, &reply) != EXIT_SUCCESS)
		return false;
	answer = reply->status_reply;
	for (size_t i = 0; i < answer->n_alg; i++)
		if (answer->alg[i]->available)
			taker->take(answer->alg[i]->alg, "", taker->data);
	rpc_reply_free(reply);
	return true;
}

static void give_algs(struct ctl *ctl, const struct taker *taker)
{
	if (give_algs_of_token(ctl, taker))
		return;
	for (size_t i = 0; near_value("ALG", i); i++)
		taker->take(near_value("ALG", i), "", taker->data);
}

void candidates_give(struct ctl *ctl, const char *kind, candidates_take *take, void *data)
{
	struct taker taker = {take, data};

	if (strcmp(kind, "KID") == 0)
		listing_each(ctl, give_versions, &taker);
	else if (strcmp(kind, "NAME") == 0)
		listing_each(ctl, give_name, &taker);
	else if (strcmp(kind, "ALG") == 0)
		give_algs(ctl, &taker);
	else if (strcmp(kind, "CRV") != 0)
		for (size_t i = 0; near_value(kind, i); i++)
			take(near_value(kind, i), "", data);
	for (size_t i = 0; strcmp(kind, "CRV") == 0 && curve_row(i); i++)
		take(curve_row(i)->name, curve_row(i)->kty, data);
}
