/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl jwks: public keys for issuers, printed, or in a file that is always whole. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/jwks/file.h"
#include "client/cekctl/jwks/follow.h"
#include "client/cekctl/jwks/hook.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

enum { NAMES_MAX = 1024 };

struct publish {
	struct set_wanted wanted;
	const char *output, *hook, *format;
	bool follow, max_age;
};

static int run_hook(const struct ctl *ctl, const struct publish *publish)
{
	struct hook hook = {.program = publish->hook, .file = publish->output, .fd = -1};
	char fault[HOOK_FAULT];
	bool ok = hook_changed(&hook, clock_monotonic_us(), fault);

	while (ok && hook.pid > 0) {
		poll(&(struct pollfd){.fd = hook.fd, .events = POLLIN}, 1, HOOK_SECONDS * 1000);
		ok = hook_look(&hook, clock_monotonic_us(), fault);
	}
	return ok ? EXIT_SUCCESS : ctl_fail(ctl, "hook %s", fault);
}

static int write_file(const struct ctl *ctl, const struct publish *publish, const struct set *set)
{
	char fault[FILE_FAULT];
	bool changed;

	if (!file_put(publish->output, set->text, &changed, fault))
		return ctl_fail(ctl, "%s", fault);
	return changed ? run_hook(ctl, publish) : EXIT_SUCCESS;
}

static int print_max_age(const struct ctl *ctl, const struct set *set)
{
	if (!set->has_max_age)
		return ctl_fail(ctl,
			"nobody said how long an issuer may keep it: cekctl key schedule NAME --jwks-max-age DURATION");
	printf("max-age=%u\n", set->max_age);
	return EXIT_SUCCESS;
}

static int publish_set(const struct ctl *ctl, const struct publish *publish, const struct set *set)
{
	int r = EXIT_SUCCESS;

	for (size_t i = 0; i < SET_WARNINGS && *set->warning[i]; i++)
		ctl_warn(ctl, "warning: %s", set->warning[i]);
	if (publish->output)
		r = write_file(ctl, publish, set);
	if (r == EXIT_SUCCESS && publish->max_age)
		r = print_max_age(ctl, set);
	else if (!publish->output)
		output_document(set->text);
	return r;
}

static int once(struct ctl *ctl, const struct publish *publish)
{
	struct set_fault fault;
	Cek__V1__Reply *reply;
	struct set set;
	int r = rpc_public_keys(ctl, publish->wanted.names, publish->wanted.n_names, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	if (set_make(reply, &publish->wanted, &set, &fault))
		r = publish_set(ctl, publish, &set);
	else if (strcmp(fault.status, STATUS_USAGE) == 0)
		r = ctl_usage(ctl, "%s", fault.text);
	else
		r = ctl_fail_as(ctl, fault.status, NULL, "%s", fault.text);
	free(set.text);
	rpc_reply_free(reply);
	return r;
}

/* --output is a file here; the words that it wants of other verbs mean what they mean there. */
static int check(struct ctl *ctl, struct publish *publish)
{
	if (publish->output && strcmp(publish->output, "name") == 0)
		return ctl_usage(ctl, "this verb shows no list: it has no --output name (./name is a file)");
	if (publish->output && (strcmp(publish->output, "json") == 0 || strcmp(publish->output, "table") == 0))
		publish->output = NULL;
	if (publish->format && strcmp(publish->format, "pem") != 0 && strcmp(publish->format, "jwks") != 0)
		return ctl_usage(ctl, "--format wants jwks or pem, not \"%s\"", publish->format);
	publish->wanted.pem = publish->format && strcmp(publish->format, "pem") == 0;
	if (publish->wanted.pem && publish->wanted.all)
		return ctl_usage(ctl, "--format pem is one version: not with --all");
	if (publish->wanted.every_key && publish->wanted.n_names > 0)
		return ctl_usage(ctl, "names, or --every-key");
	if ((publish->follow || publish->hook) && !publish->output)
		return ctl_usage(ctl, "--follow and --hook want --output FILE");
	if (publish->follow && publish->max_age)
		return ctl_usage(ctl, "--max-age is printed once: not with --follow");
	return EXIT_SUCCESS;
}

static int follow_ring(struct ctl *ctl, const struct publish *publish)
{
	cek_conn *conn;
	int r = rpc_connect(ctl, &conn);
	struct ctl log = *ctl;

	log.outcome = NULL; /* what goes wrong is a log line, and no answer */
	return r == EXIT_SUCCESS ? follow(&log, conn, &publish->wanted, publish->output, publish->hook) : r;
}

int verb_jwks(struct ctl *ctl, int argc, char **argv)
{
	struct publish publish = {0};
	const struct arg args[] = {
		{"output", ARG_STRING, &publish.output, "FILE",
			"write it there, whole at every moment; the old file stays if anything fails"},
		{"follow", ARG_FLAG, &publish.follow, NULL, "go on, and write it anew when it changes"},
		{"hook", ARG_STRING, &publish.hook, "PATH", "run this program with FILE after a change"},
		{"format", ARG_STRING, &publish.format, "jwks|pem", "pem: the active version of one key"},
		{"max-age", ARG_FLAG, &publish.max_age, NULL, "print how long it may be kept, for Cache-Control"},
		{"every-key", ARG_FLAG, &publish.wanted.every_key, NULL, "all keys that you may see, instead of names"},
		{"all", ARG_FLAG, &publish.wanted.all, NULL, "also those that only unwrap"},
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, NAMES_MAX, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	publish.wanted.names = (const char *const *)words;
	while (words[publish.wanted.n_names])
		publish.wanted.n_names++;
	r = check(ctl, &publish);
	if (r != EXIT_SUCCESS)
		return r;
	return publish.follow ? follow_ring(ctl, &publish) : once(ctl, &publish);
}
