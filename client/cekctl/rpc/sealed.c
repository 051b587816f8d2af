/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/sealed.h"

#include <errno.h>
#include <stdlib.h>

#include "client/cekctl/import/envelope.h"
#include "client/cekctl/rpc/rpc.h"

static ProtobufCBinaryData bytes(const uint8_t *data, size_t len)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = len};
}

void sealed_public(const struct private_key *key, Cek__V1__PublicKey *ret_public)
{
	cek__v1__public_key__init(ret_public);
	ret_public->kty = rpc_text(key->kty);
	ret_public->crv = rpc_text(key->crv);
	ret_public->n = bytes(key->n, key->n_len);
	ret_public->e = bytes(key->e, key->e_len);
	ret_public->x = bytes(key->x, key->x_len);
	ret_public->y = bytes(key->y, key->y_len);
}

static int get_transport_key(struct ctl *ctl, Cek__V1__Reply **ret_reply)
{
	Cek__V1__GetTransportKeyRequest get = CEK__V1__GET_TRANSPORT_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	int r;

	request.op_case = CEK__V1__REQUEST__OP_GET_TRANSPORT_KEY;
	request.get_transport_key = &get;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_TRANSPORT_KEY, ret_reply);
	if (r == EXIT_SUCCESS && !(*ret_reply)->transport_key->public_key) {
		*ret_reply = rpc_reply_free(*ret_reply);
		r = rpc_fail_protocol(ctl, "cekd's reply has no key");
	}
	return r;
}

static int seal(struct ctl *ctl, const Cek__V1__PublicKey *transport, const struct private_key *key,
	struct envelope *ret_envelope)
{
	int r = envelope_seal(transport->n.data, transport->n.len, transport->e.data, transport->e.len, key,
		ret_envelope);

	if (r == 0)
		return EXIT_SUCCESS;
	return ctl_fail(ctl, "cannot wrap the key for the token: %s",
		r == -EINVAL ? "cekd's transport key is unfit" : "OpenSSL refuses");
}

int sealed_import(struct ctl *ctl, const char *name, const char *alg, const char *kid, const struct private_key *key,
	Cek__V1__Reply **ret_reply)
{
	Cek__V1__ImportKeyRequest import = CEK__V1__IMPORT_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__PublicKey public_key;
	Cek__V1__Reply *transport;
	struct envelope envelope;
	int r = get_transport_key(ctl, &transport);

	if (r != EXIT_SUCCESS)
		return r;
	r = seal(ctl, transport->transport_key->public_key, key, &envelope);
	if (r == EXIT_SUCCESS) {
		sealed_public(key, &public_key);
		import.key = rpc_text(name);
		import.alg = rpc_text(alg);
		import.kid = rpc_text(kid);
		import.transport_id = transport->transport_key->id;
		import.wrapped_aes_key = bytes(envelope.aes_key, envelope.aes_key_len);
		import.wrapped_key = bytes(envelope.key, envelope.key_len);
		import.public_key = &public_key;
		request.op_case = CEK__V1__REQUEST__OP_IMPORT_KEY;
		request.import_key = &import;
		r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_KEY, ret_reply);
	}
	rpc_reply_free(transport);
	if (r == EXIT_SUCCESS && (!(*ret_reply)->key->key || (*ret_reply)->key->key->n_version == 0)) {
		*ret_reply = rpc_reply_free(*ret_reply);
		r = rpc_fail_protocol(ctl, "cekd's reply has no version");
	}
	return r;
}
