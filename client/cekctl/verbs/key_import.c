/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key import: a private key goes into the token, sealed before it leaves this process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/wipe.h"
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/import/envelope.h"
#include "client/cekctl/import/private_key.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "proto/alg.h"

static void close_input(int fd)
{
	if (fd != STDIN_FILENO) /* whose number the next socket would get */
		close(fd);
}

static int read_file(const struct ctl *ctl, const char *path, const struct alg *alg, struct private_key *ret_key)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char why[PRIVATE_WHY];
	struct arena file;
	ssize_t n;
	int r;

	if (fd < 0)
		return ctl_fail(ctl, "%s: %s", path, strerror(errno));
	r = private_key_setup();
	if (r == 0)
		r = arena_init(&file, PRIVATE_FILE_MAX);
	if (r < 0) {
		close_input(fd);
		return ctl_fail(ctl, "cannot get locked memory: %s", strerror(-r));
	}
	n = io_read_all(fd, file.base, PRIVATE_FILE_MAX);
	file.used = n > 0 ? (size_t)n : PRIVATE_FILE_MAX;
	if (n == -EMSGSIZE)
		r = ctl_fail(ctl, "MALFORMED: %s has more than %d bytes", path, PRIVATE_FILE_MAX);
	else if (n < 0)
		r = ctl_fail(ctl, "%s: %s", path, strerror((int)-n));
	else if (private_key_read((const char *)file.base, (size_t)n, alg, ret_key, why) < 0)
		r = ctl_fail(ctl, "MALFORMED: %s", why);
	arena_deinit(&file);
	close_input(fd);
	return r;
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
		r = ctl_fail(ctl, "%s: cekd's reply has no key", cek_status_name(CEK_E_PROTOCOL));
	}
	return r;
}

static int send_import(struct ctl *ctl, Cek__V1__ImportKeyRequest *import)
{
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	const Cek__V1__Key *key;
	int r;

	request.op_case = CEK__V1__REQUEST__OP_IMPORT_KEY;
	request.import_key = import;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_KEY, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	key = reply->key->key;
	/* the newest version is the imported one */
	r = keys_print_change(ctl, key, key && key->n_version ? key->version[key->n_version - 1]->kid : NULL);
	rpc_reply_free(reply);
	return r;
}

static ProtobufCBinaryData bytes(uint8_t *data, size_t len)
{
	return (ProtobufCBinaryData){.data = data, .len = len};
}

static int import_sealed(struct ctl *ctl, Cek__V1__ImportKeyRequest *import, struct private_key *key)
{
	Cek__V1__PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	Cek__V1__Reply *transport;
	struct envelope envelope;
	int r = get_transport_key(ctl, &transport);

	if (r != EXIT_SUCCESS)
		return r;
	r = envelope_seal(transport->transport_key->public_key->n.data, transport->transport_key->public_key->n.len,
		transport->transport_key->public_key->e.data, transport->transport_key->public_key->e.len, key,
		&envelope);
	if (r < 0) {
		r = ctl_fail(ctl, "cannot wrap the key for the token: %s",
			r == -EINVAL ? "cekd's transport key is unfit" : "OpenSSL refuses");
	} else {
		import->transport_id = transport->transport_key->id;
		import->wrapped_aes_key = bytes(envelope.aes_key, envelope.aes_key_len);
		import->wrapped_key = bytes(envelope.key, envelope.key_len);
		public_key.kty = key->kty;
		public_key.crv = rpc_text(key->crv);
		public_key.n = bytes(key->n, key->n_len);
		public_key.e = bytes(key->e, key->e_len);
		public_key.x = bytes(key->x, key->x_len);
		public_key.y = bytes(key->y, key->y_len);
		import->public_key = &public_key;
		r = send_import(ctl, import);
	}
	rpc_reply_free(transport);
	return r;
}

int verb_key_import(struct ctl *ctl, int argc, char **argv)
{
	const char *alg_name = NULL, *file = NULL, *kid = NULL;
	const struct arg args[] = {
		{"alg", ARG_STRING, &alg_name, "ALG", "the key's one JWE algorithm"},
		{"jwk", ARG_STRING, &file, "FILE", "the private key, a JWK or PEM (- = standard input)"},
		{"kid", ARG_STRING, &kid, "KID", "a kid that issuers already use"},
		{0},
	};
	Cek__V1__ImportKeyRequest import = CEK__V1__IMPORT_KEY_REQUEST__INIT;
	struct private_key key = {.kty = ""};
	const struct alg *alg;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!alg_name || !file)
		return ctl_usage(ctl, "--alg and --jwk are needed");
	alg = alg_find(alg_name);
	if (!alg)
		return ctl_fail(ctl, "UNSUPPORTED: %s",
			alg_refusal(alg_name) ? alg_refusal(alg_name) : "unknown algorithm");
	r = read_file(ctl, file, alg, &key);
	if (r != EXIT_SUCCESS)
		return r;
	import.key = words[0];
	import.alg = rpc_text(alg_name);
	import.kid = rpc_text(kid);
	r = import_sealed(ctl, &import, &key);
	private_key_deinit(&key);
	return r;
}
