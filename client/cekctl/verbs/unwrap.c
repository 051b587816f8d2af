/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl unwrap: the CEK of an encrypted key, raw on standard output. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/wipe.h"
#include "client/cek.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/console/width.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/wrapped.h"
#include "client/cekctl/verbs/verbs.h"
#include "client/json/json.h"
#include "proto/base64url.h"

enum { INPUT_MAX = 16384 };

/* Standard input is the base64url of an encrypted key, or an object as wrap --json prints it. */
static int read_input(const struct ctl *ctl, json_t **ret_object)
{
	char text[INPUT_MAX];
	ssize_t n = io_read_all(STDIN_FILENO, text, sizeof(text));
	const char *start = text;
	json_t *object;

	if (n == -EMSGSIZE)
		return ctl_fail_as(ctl, "MALFORMED", NULL, "standard input has more than %d bytes", INPUT_MAX);
	if (n < 0)
		return ctl_fail(ctl, "cannot read standard input: %s", strerror((int)-n));
	while (n > 0 && strchr(" \t\r\n", start[n - 1]) && start[n - 1])
		n--;
	for (; n > 0 && strchr(" \t\r\n", *start) && *start; n--)
		start++;
	if (n > 0 && *start == '{')
		object = json_object_parse(start, (size_t)n);
	else
		object = json_pack("{s:o}", "encrypted_key", json_stringn(start, (size_t)n));
	if (!object) /* bytes that are no UTF-8 among them */
		return ctl_fail_as(ctl, "MALFORMED", NULL, "standard input is neither base64url nor a JSON object");
	*ret_object = object;
	return EXIT_SUCCESS;
}

/* What the command line says counts, whatever the object says. */
static int merge(const struct ctl *ctl, json_t *object, const char *const *names, const char *const *values)
{
	for (size_t i = 0; names[i]; i++) {
		json_t *value;

		if (!values[i])
			continue;
		value = strcmp(names[i], "epk") == 0 ? json_object_parse(values[i], strlen(values[i]))
						     : json_string(values[i]);
		if (json_object_set_new(object, names[i], value) < 0)
			return ctl_usage(ctl, "--%s: not what belongs there", names[i]);
	}
	return EXIT_SUCCESS;
}

#define OPENING "{\"version\":1,\"cek\":\""

/* {"version":1,"cek":"…", …}: the CEK goes out of locked memory, only the rest through jansson. */
static int print_json(const struct ctl *ctl, const cek_result *result)
{
	struct cek_bytes cek = cek_result_cek(result);
	json_t *object = json_pack("{s:o, s:o}", "kid", output_string(rpc_text(cek_result_kid(result))), "key",
		output_string(rpc_text(cek_result_key(result))));
	struct arena secrets;
	char *dump, *text, *rest;
	int r;

	dump = object ? json_dumps(object, JSON_COMPACT | (width_output() ? JSON_ENSURE_ASCII : 0)) : NULL;
	rest = escape_json(dump);
	free(dump);
	json_decref(object);
	if (!rest || arena_init(&secrets, b64u_encoded_len(cek.len)) < 0) {
		free(rest);
		return ctl_fail(ctl, "out of memory");
	}
	text = arena_alloc(&secrets, b64u_encoded_len(cek.len));
	b64u_encode(cek.data, cek.len, text);
	r = io_write_all(STDOUT_FILENO, OPENING, strlen(OPENING));
	if (r == 0)
		r = io_write_all(STDOUT_FILENO, text, b64u_encoded_len(cek.len));
	if (r == 0)
		r = io_write_all(STDOUT_FILENO, "\",", 2);
	if (r == 0)
		r = io_write_all(STDOUT_FILENO, rest + 1, strlen(rest + 1));
	if (r == 0)
		r = io_write_all(STDOUT_FILENO, "\n", 1);
	arena_deinit(&secrets);
	free(rest);
	return r == 0 ? EXIT_SUCCESS : ctl_fail(ctl, "cannot write to standard output: %s", strerror(-r));
}

static int unwrap(struct ctl *ctl, const json_t *object)
{
	char why[WRAPPED_WHY];
	struct wrapped wrapped;
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	int status, r;

	if (wrapped_read(object, &wrapped, why) < 0)
		return ctl_fail_as(ctl, "MALFORMED", NULL, "%s", why);
	if (!wrapped.args.kid && !wrapped.args.key)
		return ctl_usage(ctl, "--kid or --key is needed");
	r = rpc_connect(ctl, &conn);
	if (r != EXIT_SUCCESS)
		return r;
	waiting_begin("waiting for cekd");
	ctl->operation = "unwrap";
	status = cek_unwrap(conn, &wrapped.args, rpc_timeout(ctl), &result);
	waiting_end();
	if (status != CEK_OK) {
		r = rpc_fail(ctl, status, result);
	} else if (ctl->json) {
		r = print_json(ctl, result);
	} else {
		struct cek_bytes cek = cek_result_cek(result);

		status = io_write_all(STDOUT_FILENO, cek.data, cek.len);
		if (status < 0)
			r = ctl_fail(ctl, "cannot write to standard output: %s", strerror(-status));
	}
	cek_result_free(result);
	return r;
}

int verb_unwrap(struct ctl *ctl, int argc, char **argv)
{
	static const char *const names[] = {"key", "kid", "alg", "enc", "iv", "tag", "epk", "apu", "apv", NULL};
	const char *values[9] = {NULL};
	bool force = false;
	const struct arg args[] = {
		{"key", ARG_STRING, &values[0], "NAME", "the key; without --kid its active version is tried first"},
		{"kid", ARG_STRING, &values[1], "KID", "the version"},
		{"alg", ARG_STRING, &values[2], "ALG", "must be the key's own"},
		{"enc", ARG_STRING, &values[3], "ENC", "the content encryption that the CEK is for"},
		{"iv", ARG_STRING, &values[4], "B64", "A*GCMKW: initialisation vector"},
		{"tag", ARG_STRING, &values[5], "B64", "A*GCMKW: authentication tag"},
		{"epk", ARG_STRING, &values[6], "JSON", "ECDH-ES: ephemeral public key, a JWK"},
		{"apu", ARG_STRING, &values[7], "B64", "ECDH-ES: agreement PartyUInfo"},
		{"apv", ARG_STRING, &values[8], "B64", "ECDH-ES: agreement PartyVInfo"},
		{"force", ARG_FLAG, &force, NULL, "write the CEK even to a terminal"},
		{0},
	};
	struct resolved version;
	json_t *object = NULL;
	char **words;
	int r;

	output_lines(ctl);
	r = args_parse(ctl, argc, argv, args, 0, 0, &words);
	if (r != ARGS_GO)
		return args_exit(r);
	if (!force && isatty(STDOUT_FILENO))
		return ctl_fail(ctl, "will not write a CEK to a terminal without --force");
	r = read_input(ctl, &object);
	if (r == EXIT_SUCCESS && values[1]) { /* one that stands in the object is a kid as it is */
		r = resolve_version(ctl, values[1], &version);
		values[1] = version.kid;
	}
	if (r == EXIT_SUCCESS)
		r = merge(ctl, object, names, values);
	if (r == EXIT_SUCCESS)
		r = unwrap(ctl, object);
	json_decref(object);
	return r;
}
