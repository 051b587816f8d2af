/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/existing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/versions.h"

int existing_find(struct ctl *ctl, const char *name, const char *kid, Cek__V1__Reply **ret_reply)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	Cek__V1__Reply *reply;
	int no, r;

	*ret_reply = NULL;
	describe.key = rpc_text(name);
	describe.kid = rpc_text(kid);
	describe.brief = true; /* versions_describe() may have to ask again for pages */
	r = rpc_try_describe(ctl, &describe, &no, &reply);
	if (r != EXIT_SUCCESS || !reply)
		return r;
	rpc_reply_free(reply);
	return versions_describe(ctl, name, kid, false, ret_reply);
}

static bool same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

const Cek__V1__Version *existing_version(const Cek__V1__Key *key, const Cek__V1__PublicKey *public_key)
{
	if (public_key->n.len == 0 && public_key->x.len == 0)
		return NULL;
	for (size_t i = 0; i < key->n_version; i++) {
		const Cek__V1__PublicKey *other = key->version[i]->public_key;

		if (other && same(&other->n, &public_key->n) && same(&other->x, &public_key->x) &&
			same(&other->y, &public_key->y))
			return key->version[i];
	}
	return NULL;
}

int existing_unwraps(struct ctl *ctl, const struct cek_unwrap *args, struct cek_bytes cek, enum existing *ret_existing,
	char **ret_kid)
{
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	struct cek_bytes got;
	int status, r = rpc_connect(ctl, &conn);

	if (r != EXIT_SUCCESS)
		return r;
	ctl->operation = "unwrap";
	status = cek_unwrap(conn, args, rpc_timeout(ctl), &result);
	if (status == CEK_OK) {
		got = cek_result_cek(result);
		*ret_existing = got.len == cek.len && memcmp(got.data, cek.data, cek.len) == 0 ? EXISTING_YES
											       : EXISTING_NO;
		if (*ret_existing == EXISTING_YES && !cek_result_kid(result))
			r = rpc_fail_protocol(ctl, "cekd does not say by which version it unwrapped");
		else if (*ret_existing == EXISTING_YES)
			*ret_kid = strdup(cek_result_kid(result));
		if (r == EXIT_SUCCESS && *ret_existing == EXISTING_YES && !*ret_kid)
			r = ctl_fail(ctl, "out of memory");
	} else if (status == CEK_FAILED || status == CEK_UNKNOWN_KEY) {
		*ret_existing = EXISTING_NO;
	} else if (status == CEK_DENIED || status == CEK_UNUSABLE) {
		*ret_existing = EXISTING_UNTOLD;
	} else {
		r = rpc_fail(ctl, status, result);
	}
	cek_result_free(result);
	return r;
}
