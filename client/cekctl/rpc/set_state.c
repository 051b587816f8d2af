/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/set_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"
#include "proto/alg.h"

int set_state(struct ctl *ctl, Cek__V1__SetKeyStateRequest *change, const struct change_how *how)
{
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;

	request.op_case = CEK__V1__REQUEST__OP_SET_KEY_STATE;
	request.set_key_state = change;
	return change_run(ctl, &request, change->kid, how);
}

/* What cekd tells this user of the version; NULL members: nothing. */
struct seen {
	Cek__V1__Reply *reply;
	const Cek__V1__Key *key;
	const Cek__V1__Version *version;
};

static int look(struct ctl *ctl, char *kid, struct seen *ret_seen)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	int no, r;

	describe.kid = kid;
	describe.brief = true;
	*ret_seen = (struct seen){0};
	r = rpc_try_describe(ctl, &describe, &no, &ret_seen->reply);
	if (r != EXIT_SUCCESS || !ret_seen->reply)
		return r;
	ret_seen->key = ret_seen->reply->key->key;
	ret_seen->version = keys_version(ret_seen->key, kid);
	return EXIT_SUCCESS;
}

/* Nobody encrypts for an AES key but cekd itself. Of a key that this user may not look at nothing is known. */
static bool has_issuers(const Cek__V1__Key *key)
{
	const struct alg *alg = key ? alg_find(key->alg) : NULL;

	return alg && (alg->family == ALG_RSA_OAEP || alg->family == ALG_ECDH);
}

static const char *how_long(const Cek__V1__Key *key, char text[KEYS_RETIREMENT])
{
	const uint32_t seconds = key->schedule ? key->schedule->jwks_max_age : 0;
	char words[DURATION_MAX];

	if (seconds > 0)
		snprintf(text, KEYS_RETIREMENT, "for %s (JWKS max-age)", duration_words(seconds, words));
	else
		snprintf(text, KEYS_RETIREMENT,
			"as long as they keep its public key, and nobody said how long that is");
	return text;
}

/* Between this look and the change another version may become the active one, or this: current says what was seen. */
static void expect_inactive(Cek__V1__SetKeyStateRequest *change)
{
	static Cek__V1__State inactive[] = {CEK__V1__STATE__STATE_PRE_ACTIVE, CEK__V1__STATE__STATE_DEACTIVATED,
		CEK__V1__STATE__STATE_SUSPENDED, CEK__V1__STATE__STATE_WAITING};
	const size_t n = sizeof(inactive) / sizeof(inactive[0]);

	change->current = inactive;
	/* To suspend anew what waits to be destroyed is no way to take that back. */
	change->n_current = change->state == CEK__V1__STATE__STATE_SUSPENDED ? n - 1 : n;
}

int set_state_out_of_use(struct ctl *ctl, Cek__V1__SetKeyStateRequest *change, bool force, const struct change_how *how)
{
	char text[KEYS_RETIREMENT];
	struct seen seen;
	int r = look(ctl, change->kid, &seen);
	const bool active = seen.version && seen.version->state == CEK__V1__STATE__STATE_ACTIVE;
	const bool public = has_issuers(seen.key), guarded = public && !change->rotate && !force;

	if (r != EXIT_SUCCESS)
		return r;
	if (guarded && active)
		r = ctl_fail_as(ctl, "CONFLICT", "--rotate puts another version in its place, --force goes on without",
			"version %u is the only active one of key %s: issuers find no other, and go on encrypting for "
			"it %s",
			seen.version->number, seen.key->name, how_long(seen.key, text));
	if (guarded && !active)
		expect_inactive(change);
	if (r == EXIT_SUCCESS)
		r = set_state(ctl, change, how);
	if (r == EXIT_SUCCESS && active && public && !how->dry_run)
		ctl_warn(ctl, "issuers go on encrypting for version %u %s", seen.version->number,
			how_long(seen.key, text));
	rpc_reply_free(seen.reply);
	return r;
}

int set_state_back(struct ctl *ctl, char *kid, const char *reason, Cek__V1__State from, const char *hint,
	const struct change_how *how)
{
	Cek__V1__SetKeyStateRequest change = CEK__V1__SET_KEY_STATE_REQUEST__INIT;
	const Cek__V1__Version *version;
	Cek__V1__Reply *reply;
	int r = rpc_describe(ctl, NULL, kid, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	version = keys_version(reply->key->key, kid);
	if (!version || version->state != from) {
		r = ctl_fail_as(ctl, "CONFLICT", NULL, "this version is %s%s",
			version ? keys_state(version->state) : "unknown", hint);
		rpc_reply_free(reply);
		return r;
	}
	change.kid = kid;
	change.state = version->resumes_to;
	change.current = &from;
	change.n_current = 1;
	change.reason = rpc_text(reason);
	rpc_reply_free(reply);
	return set_state(ctl, &change, how);
}
