/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl audit verify: the hash chain of audit.jsonl or keys.jsonl, line by line. Needs no daemon. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/plural.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/verbs/verbs.h"
#include "proto/chain.h"

static json_t *to_json(const struct chain_result *result)
{
	json_t *object = json_pack("{s:b, s:I, s:I, s:s, s:b}", "ok", result->fault == CHAIN_GOOD, "lines",
		(json_int_t)result->lines, "seq", (json_int_t)result->head.seq, "hash", result->head.hash, "torn",
		result->torn);

	if (result->bad_line)
		json_object_set_new(object, "bad_line", json_integer((json_int_t)result->bad_line));
	if (result->fault != CHAIN_GOOD)
		output_set_text(object, "why", result->why);
	return object;
}

static int print(const struct ctl *ctl, const struct chain_result *result)
{
	bool good = result->fault == CHAIN_GOOD;

	if (ctl->json)
		return output_json(ctl, to_json(result));
	printf(good ? "ok: %llu line%s\n" : "BROKEN after %llu good line%s\n", (unsigned long long)result->lines,
		plural(result->lines));
	printf("head: %llu:%s\n", (unsigned long long)result->head.seq, result->head.hash);
	if (result->torn)
		printf("The last line has no end: a write that was cut short. cekd repairs that when it starts.\n");
	return EXIT_SUCCESS;
}

static int verify(const struct ctl *ctl, int fd, const struct chain_head *from, const struct chain_head *expected)
{
	struct chain_result result;
	int r;

	waiting_begin("checking the chain");
	r = chain_verify(fd, from, expected, NULL, NULL, &result);
	waiting_end();
	if (r < 0)
		return ctl_fail(ctl, "cannot read: %s", strerror(-r));
	r = print(ctl, &result);
	if (r != EXIT_SUCCESS || result.fault == CHAIN_GOOD)
		return r;
	if (result.fault == CHAIN_BAD_LINE)
		return ctl_fail_as(ctl, STATUS_BROKEN, NULL, "line %llu: %s", (unsigned long long)result.bad_line,
			result.why);
	return ctl_fail_as(ctl, STATUS_BROKEN, NULL, "%s", result.why);
}

int verb_audit_verify(struct ctl *ctl, int argc, char **argv)
{
	const char *expect = NULL, *from = NULL;
	const struct arg args[] = {
		{"expect", ARG_STRING, &expect, "SEQ:HASH",
			"a head kept elsewhere: this chain must have passed through it"},
		{"from", ARG_STRING, &from, "SEQ:HASH",
			"the head of the file before this one, if the chain began there"},
		{0},
	};
	struct chain_head expected, start;
	char **words;
	int fd, r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (expect && chain_head_parse(expect, &expected) < 0)
		return ctl_usage(ctl, "--expect wants SEQ:HASH, as this verb prints it");
	if (from && chain_head_parse(from, &start) < 0)
		return ctl_usage(ctl, "--from wants SEQ:HASH, as this verb prints it");
	fd = strcmp(words[0], "-") == 0 ? STDIN_FILENO : open(words[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ctl_fail(ctl, "%s: %s", words[0], strerror(errno));
	r = verify(ctl, fd, from ? &start : NULL, expect ? &expected : NULL);
	if (fd != STDIN_FILENO)
		close(fd);
	return r;
}
