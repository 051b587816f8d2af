/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl rewrap: wrapped CEKs, one a line, brought under the active version; order kept, many at once on the way. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/plural.h"
#include "client/cek.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/console/outcome.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/progress.h"
#include "client/cekctl/rpc/reach.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/wrapped.h"
#include "client/cekctl/verbs/verbs.h"
#include "client/json/json.h"
#include "client/json/soften.h"

enum {
	WINDOW = 32,           /* requests on the way: enough to keep workers busy, below every daemon's bound */
	LINE_BYTES = 65536,    /* of one line; a longer one is an error of its own */
	LINE_ABSURD = 1 << 24, /* bytes of a line with which the run ends */
	TRIES = 6,             /* for what may succeed later */
	DELAY_MS = 50,         /* before the second try, doubled for each further one */
};

struct slot {
	struct rewrap *run;
	json_t *object; /* the line, later the answer; NULL if it was no JSON object */
	char *line;     /* as it was read */
	bool unread;    /* the object holds the line as it is */
	enum { WAITING, ON_THE_WAY, DONE } state;
	unsigned tries;
	uint64_t not_before; /* milliseconds */
};

struct rewrap {
	struct ctl *ctl;
	cek_conn *conn;
	const char *key;
	struct slot slots[WINDOW]; /* a ring: first is the oldest */
	size_t first, count;
	bool end;        /* of the input */
	int exit;        /* of the lines that failed: one that all have, or EXIT_FAILURE */
	int last_status; /* of a line that failed, and what was said of it */
	struct reach last;
	struct reach lost; /* there is no daemon any more, if it has a status */
	struct progress progress;
};

static uint64_t now_ms(void)
{
	return clock_monotonic_us() / 1000;
}

static json_t *error_json(const struct ctl *ctl, const struct reach *error)
{
	const struct exit_row *row = exit_row(error->status);

	if (ctl->json)
		return outcome_error_object(error->status, row->exit, error->message,
			*error->hint ? error->hint : row->hint);
	return json_sprintf("%s: %s", error->status, error->message);
}

static void fail(struct slot *slot, const struct reach *error)
{
	struct rewrap *run = slot->run;
	json_t *member = error_json(run->ctl, error);
	int exit_status = exit_row(error->status)->exit;

	if (!slot->object) {
		slot->object = json_pack("{s:o}", "line", output_string(slot->line));
		slot->unread = true;
	}
	json_object_set_new(slot->object, "error", member ? member : json_string(error->status));
	run->exit = run->progress.failed == 0 || run->exit == exit_status ? exit_status : EXIT_FAILURE;
	run->progress.failed++;
	slot->state = DONE;
}

/* On this side, before anything was sent. */
static void fail_here(struct slot *slot, const char *status, const char *message)
{
	struct reach error = {.status = status};

	snprintf(error.message, sizeof(error.message), "%s", message);
	fail(slot, &error);
}

/* A hint may take requests of its own: one is for all lines that fail alike. */
static void refused(struct slot *slot, int status, const cek_result *result)
{
	struct rewrap *run = slot->run;

	if (status != run->last_status)
		rpc_explain(run->ctl, status, cek_result_message(result), &run->last);
	else if (*cek_result_message(result))
		snprintf(run->last.message, sizeof(run->last.message), "%s", cek_result_message(result));
	run->last_status = status;
	if (status == CEK_E_CONNECT) /* one patient try is enough for the whole file */
		run->lost = run->last;
	fail(slot, &run->last);
}

static void on_result(cek_call *call, cek_result *result, void *userdata)
{
	struct slot *slot = userdata;
	int status = cek_result_status(result);

	if (cek_status_is_temporary(status) && slot->tries < TRIES) {
		slot->not_before = now_ms() + ((uint64_t)DELAY_MS << slot->tries);
		slot->state = WAITING;
		return;
	}
	if (status != CEK_OK) {
		refused(slot, status, result);
		return;
	}
	if (cek_result_unchanged(result)) {
		json_object_set_new(slot->object, "unchanged", json_true());
		slot->run->progress.unchanged++;
	} else {
		const char *enc = json_string_value(json_object_get(slot->object, "enc"));

		if (wrapped_write(slot->object, slot->run->key, enc, result) < 0) {
			fail_here(slot, "E_NOMEM", "out of memory");
			return;
		}
	}
	slot->state = DONE;
}

static void start(struct slot *slot)
{
	struct rewrap *run = slot->run;
	struct cek_rewrap args = {.to_key = run->key};
	struct wrapped wrapped;
	char why[WRAPPED_WHY];
	int r;

	if (wrapped_read(slot->object, &wrapped, why) < 0) {
		fail_here(slot, "MALFORMED", why);
		return;
	}
	if (run->lost.status) {
		fail(slot, &run->lost);
		return;
	}
	args.from = wrapped.args;
	if (args.from.kid)
		args.from.key = NULL; /* the kid says it all; the name may be one of yesterday */
	else if (!args.from.key)
		args.from.key = run->key;
	slot->tries++;
	slot->state = ON_THE_WAY;
	r = cek_rewrap_start(run->conn, &args, rpc_timeout(run->ctl), on_result, slot, NULL);
	if (r != CEK_OK)
		fail_here(slot, cek_status_name(r), cek_status_text(r));
}

/* A line that an earlier run could not read stands in "line" beside "error": it takes the place of that line. */
static void restore(struct slot *slot)
{
	const json_t *inner = json_object_get(slot->object, "line");
	char *line;

	if (!json_is_string(inner) || !json_object_get(slot->object, "error"))
		return;
	line = strdup(json_string_value(inner));
	if (!line)
		return;
	free(slot->line);
	slot->line = line;
	json_decref(slot->object);
	slot->object = json_kept_parse(line, strlen(line));
}

/* With --json the member "version" says what the others mean: a stranger's is not written over. */
static bool is_of_another_version(const json_t *object)
{
	const json_t *version = json_object_get(object, "version");

	/* numbers are kept as texts */
	return version && (!json_is_string(version) || strcmp(json_string_value(version), JSON_UNHELD "N1") != 0);
}

/* Returns what is wrong with the line, NULL if it is an object to work on. */
static const char *parse(struct slot *slot, size_t len)
{
	const char *why = NULL;

	if (len > LINE_BYTES)
		return "the line is too long";
	slot->object = json_kept_parse(slot->line, len);
	restore(slot);
	if (!json_is_object(slot->object))
		why = "the line is not a JSON object";
	else if (slot->run->ctl->json && is_of_another_version(slot->object))
		why = "version is not 1";
	if (why) {
		json_decref(slot->object);
		slot->object = NULL;
		return why;
	}
	json_object_del(slot->object, "error");
	json_object_del(slot->object, "unchanged");
	return NULL;
}

/* The next line into a free slot. EXIT_SUCCESS also at the end of the input. */
static int take_line(struct rewrap *run)
{
	struct slot *slot = &run->slots[(run->first + run->count) % WINDOW];
	const char *why;
	char *line;
	size_t len;
	int r = io_read_line(stdin, LINE_ABSURD, &line, &len);

	if (r == -EMSGSIZE)
		return ctl_fail_as(run->ctl, "MALFORMED", NULL,
			"line %llu has more than %d bytes: not a file of wrapped CEKs",
			(unsigned long long)run->progress.lines + 1, LINE_ABSURD);
	if (r < 0)
		return ctl_fail(run->ctl, "cannot read standard input: %s", strerror(-r));
	run->end = r == 0;
	if (run->end)
		return EXIT_SUCCESS;
	run->progress.bytes += len + 1;
	run->progress.lines++;
	*slot = (struct slot){.run = run, .line = line, .state = WAITING};
	run->count++;
	why = parse(slot, len);
	if (why)
		fail_here(slot, "MALFORMED", why);
	else
		start(slot);
	return EXIT_SUCCESS;
}

/* Members that are not ours are as they were, numbers of any size among them. */
static int print(struct slot *slot)
{
	const struct ctl *ctl = slot->run->ctl;
	json_t *object = slot->object;
	char *dump, *text;
	bool printed;

	slot->object = NULL;
	if (slot->unread)
		return output_json_line(ctl, object);
	if (ctl->json)
		object = outcome_object(object);
	dump = object ? json_kept_dump(object) : NULL;
	text = escape_json(dump);
	free(dump);
	json_decref(object);
	if (!text)
		return ctl_fail(ctl, "out of memory");
	printed = puts(text) >= 0;
	free(text);
	return printed ? EXIT_SUCCESS : ctl_fail(ctl, "cannot write to standard output");
}

/* Answers that are there, as far as none is missing before them. */
static int give_lines(struct rewrap *run)
{
	while (run->count > 0 && run->slots[run->first].state == DONE) {
		struct slot *slot = &run->slots[run->first];
		int r = print(slot);

		if (r != EXIT_SUCCESS)
			return r;
		free(slot->line);
		slot->line = NULL;
		run->first = (run->first + 1) % WINDOW;
		run->count--;
	}
	return EXIT_SUCCESS;
}

/* Start again what waits for a later try. Returns milliseconds until the next one may start, -1 = none waits. */
static int start_again(struct rewrap *run)
{
	uint64_t now = now_ms();
	int next = -1;

	for (size_t i = 0; i < run->count; i++) {
		struct slot *slot = &run->slots[(run->first + i) % WINDOW];

		if (slot->state == WAITING && slot->not_before <= now) {
			start(slot);
		} else if (slot->state == WAITING) {
			int wait = (int)(slot->not_before - now);

			next = next < 0 || wait < next ? wait : next;
		}
	}
	return next;
}

static int run_all(struct rewrap *run)
{
	int r = EXIT_SUCCESS;

	while (r == EXIT_SUCCESS && (!run->end || run->count > 0)) {
		int wait;

		while (r == EXIT_SUCCESS && !run->end && run->count < WINDOW)
			r = take_line(run);
		wait = start_again(run);
		if (r == EXIT_SUCCESS)
			r = give_lines(run);
		progress_show(&run->progress);
		if (r == EXIT_SUCCESS && run->count > 0 && run->slots[run->first].state != DONE)
			cek_conn_wait(run->conn, wait);
	}
	return r;
}

static void clean_up(struct rewrap *run)
{
	run->ctl->conn = cek_conn_free(run->conn); /* cancels what is open, while the slots are still there */
	for (size_t i = 0; i < WINDOW; i++) {
		json_decref(run->slots[i].object);
		free(run->slots[i].line);
	}
}

int verb_rewrap(struct ctl *ctl, int argc, char **argv)
{
	static struct rewrap run;
	const struct arg args[] = {
		{"key", ARG_STRING, &run.key, "NAME", "the key whose active version is to be used"},
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!run.key)
		return ctl_usage(ctl, "--key is needed");
	run.ctl = ctl;
	ctl->operation = "rewrap";
	r = rpc_connect(ctl, &run.conn);
	if (r != EXIT_SUCCESS)
		return r;
	output_own(ctl);
	progress_start(&run.progress);
	r = run_all(&run);
	progress_end(&run.progress);
	clean_up(&run);
	if (r == EXIT_SUCCESS && run.progress.failed > 0) {
		(void)ctl_fail(ctl, "%llu of %llu line%s failed; the \"error\" of each says why",
			(unsigned long long)run.progress.failed, (unsigned long long)run.progress.lines,
			plural(run.progress.lines));
		r = run.exit;
	}
	return r;
}
