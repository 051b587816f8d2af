/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/versions.h"

#include <stdlib.h>
#include <string.h>

#include "client/cekctl/rpc/rpc.h"

enum {
	VERSIONS_MAX = 1 << 17, /* of one key: a daemon cannot make us keep more */
	RESTARTS_MAX = 16,      /* because the keys changed between two pages */
};

/* Older versions must be older, in order, and more of them; else there would be no end. */
static bool gets_on(const Cek__V1__Key *older, uint32_t before)
{
	uint32_t last = 0;

	for (size_t i = 0; i < older->n_version; i++) {
		if (older->version[i]->number <= last || older->version[i]->number >= before)
			return false;
		last = older->version[i]->number;
	}
	return older->n_version > 0 && (older->before == 0 || older->before == older->version[0]->number);
}

/* Put what is older in front; versions that key has out of turn, because they were looked for, come again in order. */
static int put_in_front(struct ctl *ctl, Cek__V1__Key *key, Cek__V1__Key *older)
{
	size_t extra = 0, n = older->n_version;
	Cek__V1__Version **all;

	while (extra < key->n_version && key->version[extra]->number < key->before)
		extra++;
	if (n + key->n_version > VERSIONS_MAX)
		return ctl_fail_as(ctl, cek_status_name(CEK_E_PROTOCOL), NULL, "more than %d versions of one key",
			VERSIONS_MAX);
	all = malloc((n + key->n_version) * sizeof(*all));
	if (!all)
		return ctl_fail(ctl, "out of memory");
	for (size_t i = 0; i < extra; i++)
		cek__v1__version__free_unpacked(key->version[i], NULL);
	memcpy(all, older->version, n * sizeof(*all));
	memcpy(all + n, key->version + extra, (key->n_version - extra) * sizeof(*all));
	free(key->version);
	key->version = all;
	key->n_version += n - extra;
	key->before = older->before;
	older->n_version = 0; /* they have moved */
	return EXIT_SUCCESS;
}

/* One page more. ret_changed: the keys are not what they were at the first. */
static int go_on(struct ctl *ctl, Cek__V1__Reply *reply, bool brief, bool *ret_changed)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	Cek__V1__Key *key = reply->key->key;
	Cek__V1__Reply *older;
	int r;

	describe.key = key->name;
	describe.before = key->before;
	describe.brief = brief;
	r = rpc_describe_as(ctl, &describe, &older);
	if (r != EXIT_SUCCESS)
		return r;
	*ret_changed = older->epoch != reply->epoch;
	if (!*ret_changed && !gets_on(older->key->key, key->before))
		r = rpc_fail_protocol(ctl, "cekd says that there are more versions and does not give them");
	else if (!*ret_changed)
		r = put_in_front(ctl, key, older->key->key);
	rpc_reply_free(older);
	return r;
}

static int describe_once(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, bool *ret_changed,
	Cek__V1__Reply **ret_reply)
{
	Cek__V1__Reply *reply;
	int r = rpc_describe_as(ctl, describe, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	*ret_changed = false;
	while (r == EXIT_SUCCESS && !*ret_changed && reply->key->key->before > 0)
		r = go_on(ctl, reply, describe->brief, ret_changed);
	if (r == EXIT_SUCCESS && !*ret_changed)
		*ret_reply = reply;
	else
		rpc_reply_free(reply);
	return r;
}

int versions_describe(struct ctl *ctl, const char *name, const char *kid, bool brief, Cek__V1__Reply **ret_reply)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	bool changed = true;
	int r = EXIT_SUCCESS;

	describe.key = rpc_text(name);
	describe.kid = rpc_text(kid);
	describe.brief = brief;
	for (int i = 0; r == EXIT_SUCCESS && changed && i <= RESTARTS_MAX; i++)
		r = describe_once(ctl, &describe, &changed, ret_reply);
	if (r == EXIT_SUCCESS && changed)
		r = ctl_fail_as(ctl, cek_status_name(CEK_UNAVAILABLE), NULL,
			"the keys changed again and again while they were read: try again");
	return r;
}

void versions_warn(const struct ctl *ctl, const Cek__V1__Key *key)
{
	if (key->before == 0 && key->n_version > 0 && key->version[0]->number > 1)
		ctl_warn(ctl, "this cekd is older than cekctl and leaves out the versions of %s before number %u",
			key->name, key->version[0]->number);
}
