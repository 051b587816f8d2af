/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/existing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/versions.h"

/* Whether it is there: brief, since versions_describe() may have to ask again for pages. */
static int is_there(struct ctl *ctl, const char *name, const char *kid, bool *ret_there)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	uint8_t *packed;
	size_t size;
	int status, r = rpc_connect(ctl, &conn);

	if (r != EXIT_SUCCESS)
		return r;
	describe.key = rpc_text(name);
	describe.kid = rpc_text(kid);
	describe.brief = true;
	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = &describe;
	size = cek__v1__request__get_packed_size(&request);
	packed = malloc(size);
	if (!packed)
		return ctl_fail(ctl, "out of memory");
	cek__v1__request__pack(&request, packed);
	status = cek_request(conn, packed, size, rpc_timeout(ctl), &result);
	*ret_there = status == CEK_OK;
	if (status != CEK_OK && status != CEK_UNKNOWN_KEY && status != CEK_DENIED)
		r = rpc_fail(ctl, status, result);
	cek_result_free(result);
	free(packed);
	return r;
}

int existing_find(struct ctl *ctl, const char *name, const char *kid, Cek__V1__Reply **ret_reply)
{
	bool there = false;
	int r = is_there(ctl, name, kid, &there);

	if (r != EXIT_SUCCESS || !there) {
		*ret_reply = NULL;
		return r;
	}
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
	status = cek_unwrap(conn, args, rpc_timeout(ctl), &result);
	if (status == CEK_OK) {
		got = cek_result_cek(result);
		*ret_existing = got.len == cek.len && memcmp(got.data, cek.data, cek.len) == 0 ? EXISTING_YES
											       : EXISTING_NO;
		if (*ret_existing == EXISTING_YES)
			*ret_kid = strdup(cek_result_kid(result));
		if (*ret_existing == EXISTING_YES && !*ret_kid)
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

bool existing_has_kid(const Cek__V1__Version *version, const char *kid)
{
	if (strcmp(version->kid, kid) == 0)
		return true;
	for (size_t i = 0; i < version->n_alias; i++)
		if (strcmp(version->alias[i], kid) == 0)
			return true;
	return false;
}
