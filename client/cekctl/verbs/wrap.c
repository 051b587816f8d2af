/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl wrap: a CEK under the active version of a key. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/wipe.h"
#include "client/cek.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/wrapped.h"
#include "client/cekctl/verbs/verbs.h"
#include "proto/alg.h"
#include "proto/base64url.h"

struct options {
	const char *key, *enc, *cek_out, *apu, *apv;
	bool generate;
};

/* The CEK on standard input, raw. cek_wrap() would make a fresh one if there were none: that is only done if asked for.
 */
static int read_cek(const struct ctl *ctl, uint8_t *data, struct cek_bytes *ret_cek)
{
	ssize_t n = io_read_all(STDIN_FILENO, data, CEK_LEN_MAX);

	if (n == -EMSGSIZE)
		return ctl_fail_as(ctl, "MALFORMED", NULL, "no CEK has more than %d bytes", CEK_LEN_MAX);
	if (n < 0)
		return ctl_fail(ctl, "cannot read standard input: %s", strerror((int)-n));
	if (n == 0)
		return ctl_fail_as(ctl, "MALFORMED", NULL, "no CEK on standard input; --generate makes one");
	*ret_cek = (struct cek_bytes){data, (size_t)n};
	return EXIT_SUCCESS;
}

static int write_cek(const struct ctl *ctl, const char *path, struct cek_bytes cek)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return ctl_fail(ctl, "%s: %s", path, strerror(errno));
	r = io_write_all(fd, cek.data, cek.len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0)
		return EXIT_SUCCESS;
	unlink(path);
	return ctl_fail(ctl, "%s: %s", path, strerror(-r));
}

static int print(const struct ctl *ctl, const struct options *options, const cek_result *result)
{
	json_t *object = json_object();
	const char *name;
	json_t *value;

	if (wrapped_write(object, options->key, options->enc, result) < 0) {
		json_decref(object);
		return ctl_fail(ctl, "out of memory");
	}
	if (ctl->json)
		return output_json_line(ctl, object);
	json_object_foreach(object, name, value)
	{
		char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT);

		output_field(name, text ? text : json_string_value(value));
		free(text);
	}
	json_decref(object);
	return EXIT_SUCCESS;
}

static int party(const struct ctl *ctl, const char *name, const char *text, uint8_t data[PARTY_INFO_MAX],
	struct cek_bytes *ret_bytes)
{
	ssize_t n = text ? b64u_decode(text, strlen(text), data, PARTY_INFO_MAX) : 0;

	if (n < 0)
		return ctl_usage(ctl, "--%s wants base64url of at most %d bytes", name, PARTY_INFO_MAX);
	*ret_bytes = (struct cek_bytes){data, (size_t)n};
	return EXIT_SUCCESS;
}

static int wrap(struct ctl *ctl, const struct options *options, struct cek_wrap *args)
{
	cek_result *result = NULL;
	struct arena secrets;
	cek_conn *conn = NULL;
	int r = EXIT_SUCCESS;

	if (arena_init(&secrets, 1) < 0)
		return ctl_fail(ctl, "out of memory");
	if (!options->generate)
		r = read_cek(ctl, arena_alloc(&secrets, CEK_LEN_MAX), &args->cek);
	if (r == EXIT_SUCCESS)
		r = rpc_connect(ctl, &conn);
	if (r == EXIT_SUCCESS) {
		int status;

		waiting_begin("waiting for cekd");
		ctl->operation = args->cek.len > 0 ? "wrap" : "generate";
		status = cek_wrap(conn, args, rpc_timeout(ctl), &result);
		waiting_end();
		if (status != CEK_OK)
			r = rpc_fail(ctl, status, result);
	}
	if (r == EXIT_SUCCESS && options->cek_out)
		r = write_cek(ctl, options->cek_out, cek_result_cek(result));
	if (r == EXIT_SUCCESS)
		r = print(ctl, options, result);
	cek_result_free(result);
	arena_deinit(&secrets);
	return r;
}

int verb_wrap(struct ctl *ctl, int argc, char **argv)
{
	struct options options = {0};
	const struct arg args[] = {
		{"key", ARG_STRING, &options.key, "NAME", "the key; its active version is used"},
		{"enc", ARG_STRING, &options.enc, "ENC", "the content encryption that the CEK is for, such as A256GCM"},
		{"generate", ARG_FLAG, &options.generate, NULL, "let cekd make the CEK instead of reading one"},
		{"cek-out", ARG_STRING, &options.cek_out, "FILE",
			"with --generate: write the CEK there, raw (0600, a new file)"},
		{"apu", ARG_STRING, &options.apu, "B64", "ECDH-ES: agreement PartyUInfo, base64url"},
		{"apv", ARG_STRING, &options.apv, "B64", "ECDH-ES: agreement PartyVInfo, base64url"},
		{0},
	};
	uint8_t apu[PARTY_INFO_MAX], apv[PARTY_INFO_MAX];
	struct cek_wrap wrap_args = {0};
	char **words;
	int r;

	output_lines(ctl);
	r = args_parse(ctl, argc, argv, args, 0, 0, &words);
	if (r != ARGS_GO)
		return args_exit(r);
	if (!options.key || !options.enc)
		return ctl_usage(ctl, "--key and --enc are needed");
	if (options.cek_out && !options.generate)
		return ctl_usage(ctl, "--cek-out goes with --generate");
	r = party(ctl, "apu", options.apu, apu, &wrap_args.apu);
	if (r == EXIT_SUCCESS)
		r = party(ctl, "apv", options.apv, apv, &wrap_args.apv);
	if (r != EXIT_SUCCESS)
		return r;
	wrap_args.key = options.key;
	wrap_args.enc = options.enc;
	return wrap(ctl, &options, &wrap_args);
}
