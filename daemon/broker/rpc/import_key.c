/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/rpc/new_version.h"
#include "daemon/broker/rpc/rpc.h"

enum {
	TRANSPORT_ID_MAX = 64,
	WRAPPED_MAX = 8192, /* bytes: the PKCS#8 of RSA-4096 takes 2400 */
};

static bool same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* The same key twice would be two objects for one kid. */
static bool known(const struct ring *ring, const PublicKey *public_key)
{
	for (size_t i = 0; i < ring->n_keys; i++) {
		for (size_t j = 0; j < ring->keys[i]->n_versions; j++) {
			const PublicKey *other = ring->keys[i]->versions[j]->public_key;

			if (other && same(&other->n, &public_key->n) && same(&other->x, &public_key->x) &&
				same(&other->y, &public_key->y))
				return true;
		}
	}
	return false;
}

/* The private key need not leave its owner for a preview. */
static int check_wrapped_key(struct request *request, const Cek__V1__ImportKeyRequest *message)
{
	if (request->preview && message->transport_id[0] == '\0' && message->wrapped_aes_key.len == 0 &&
		message->wrapped_key.len == 0)
		return STATUS_OK;
	if (message->transport_id[0] == '\0' || !text_valid(message->transport_id, TRANSPORT_ID_MAX))
		return request_say(request, STATUS_MALFORMED, "transport_id: missing or too long");
	if (message->wrapped_aes_key.len == 0 || message->wrapped_aes_key.len > ENCRYPTED_KEY_MAX)
		return request_say(request, STATUS_MALFORMED, "wrapped_aes_key: missing or too long");
	if (message->wrapped_key.len == 0 || message->wrapped_key.len > WRAPPED_MAX)
		return request_say(request, STATUS_MALFORMED, "wrapped_key: missing or too long");
	return STATUS_OK;
}

static int check(struct request *request, const Cek__V1__ImportKeyRequest *message, const struct alg **ret_alg)
{
	bool aes;
	int r = new_version_check(request, message->alg, message->kid, ret_alg);

	if (r != STATUS_OK)
		return r;
	aes = (*ret_alg)->family == ALG_AES_KW || (*ret_alg)->family == ALG_AES_GCMKW;
	r = check_wrapped_key(request, message);
	if (r != STATUS_OK || aes)
		return r;
	if (!message->public_key)
		return request_say(request, STATUS_MALFORMED, "public_key: missing");
	if ((*ret_alg)->family == ALG_RSA_OAEP && message->public_key->n.len < RSA_BITS_MIN / 8)
		return request_say(request, STATUS_UNSUPPORTED, "public_key: RSA below %d bits", RSA_BITS_MIN);
	if (known(&request->broker->ring, message->public_key))
		return request_say(request, STATUS_CONFLICT, "public_key: this key is a version already");
	return STATUS_OK;
}

static int pack(struct change *change, const struct request *request, uint8_t **ret_packed, size_t *ret_len)
{
	const Cek__V1__ImportKeyRequest *message = request->message->import_key;
	Cek__Internal__V1__ImportJob import = CEK__INTERNAL__V1__IMPORT_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;
	int r = change_new_cka_id(change);

	if (r < 0)
		return r;
	import.label = change->name;
	import.cka_id = (ProtobufCBinaryData){.data = change->cka_id, .len = change->cka_id_len};
	import.alg = message->alg;
	import.transport_id = message->transport_id;
	import.wrapped_aes_key = message->wrapped_aes_key;
	import.wrapped_key = message->wrapped_key;
	import.public_key = message->public_key;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_IMPORT;
	job.import = &import;
	return change_pack_job(change, &job, ret_packed, ret_len);
}

int rpc_import_key(struct request *request)
{
	const Cek__V1__ImportKeyRequest *message = request->message->import_key;
	const struct alg *alg;
	int r = check(request, message, &alg);

	return r == STATUS_OK ? new_version_start(request, CHANGE_IMPORT, alg, message->kid, pack) : r;
}
