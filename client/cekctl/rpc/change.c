/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/table.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"

/* ---- asking cekd ------------------------------------------------------------------------------------------------- */

/* A change has its number in a preview as well, and is a pointer in both. */
static int call(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply **ret_reply)
{
	Cek__V1__PreviewRequest preview = CEK__V1__PREVIEW_REQUEST__INIT, nothing = CEK__V1__PREVIEW_REQUEST__INIT;
	Cek__V1__Request outer = CEK__V1__REQUEST__INIT, probe = CEK__V1__REQUEST__INIT;

	probe.op_case = CEK__V1__REQUEST__OP_PREVIEW;
	probe.preview = &nothing;
	preview.change_case = (Cek__V1__PreviewRequest__ChangeCase)request->op_case;
	preview.create_key = request->create_key;
	outer.op_case = CEK__V1__REQUEST__OP_PREVIEW;
	outer.preview = &preview;
	return rpc_call_new(ctl, &outer, &probe, CEK__V1__REPLY__RESULT_PREVIEW, ret_reply);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

enum { LINE_MAX_BYTES = 4096 };

static void print_lines(FILE *to, const char *title, char **lines, size_t n)
{
	if (n > 0)
		fprintf(to, "%s\n", title);
	for (size_t i = 0; i < n; i++) {
		char line[LINE_MAX_BYTES];

		fputs("  ", to);
		escape_put(to, output_local(lines[i], line, sizeof(line)));
		fputc('\n', to);
	}
}

static void print_words(FILE *to, const Cek__V1__PreviewReply *preview)
{
	print_lines(to, "What happens:", preview->will, preview->n_will);
	print_lines(to, "What stops:", preview->stops, preview->n_stops);
	print_lines(to, "Mind:", preview->warning, preview->n_warning);
}

static void print_key(Cek__V1__Key *key)
{
	static const char *const head[] = {"VERSION", "STATE", "KID", NULL};
	struct table *table = table_new(head);

	for (size_t i = 0; i < key->n_version; i++) {
		const Cek__V1__Version *version = key->version[i];
		char number[16];
		const char *const cells[] = {number, keys_state(version->state),
			*version->kid ? version->kid : "(not made yet)"};

		snprintf(number, sizeof(number), "%u", version->number);
		table_row(table, cells);
	}
	printf("\nThe key as it would be:\n");
	table_print(table, "  ");
	table_free(table);
	if (key->n_plan > 0) {
		printf("\n");
		keys_print_plan(key);
	}
}

static json_t *lines_json(char **lines, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, output_string(lines[i]));
	return array;
}

/* As a key stands for itself, with the number of its shape. */
static json_t *key_json(const Cek__V1__Key *key)
{
	json_t *object = json_pack("{s:i}", "version", 1), *members = keys_json(key);

	if (object)
		json_object_update(object, members);
	json_decref(members);
	return object;
}

static json_t *to_json(const Cek__V1__PreviewReply *preview)
{
	json_t *object = json_pack("{s:b, s:o, s:o, s:o, s:b}", "dry_run", 1, "will",
		lines_json(preview->will, preview->n_will), "stops", lines_json(preview->stops, preview->n_stops),
		"warnings", lines_json(preview->warning, preview->n_warning), "asks", preview->ask);

	if (*preview->kid)
		json_object_set_new(object, "kid", output_string(preview->kid));
	if (preview->last)
		json_object_set_new(object, "last", keys_usage_json(preview->last));
	if (preview->key)
		json_object_set_new(object, "key", key_json(preview->key));
	return object;
}

int change_preview_print(const struct ctl *ctl, const Cek__V1__PreviewReply *preview)
{
	if (ctl->json)
		return output_json(ctl, to_json(preview));
	print_words(stdout, preview);
	if (preview->key)
		print_key(preview->key);
	printf("\nNothing was changed.\n");
	return EXIT_SUCCESS;
}

/* ---- the question ------------------------------------------------------------------------------------------------ */

/* A script that has nothing to lose says so once. */
static bool assumes_yes(void)
{
	const char *text = getenv("CEKCTL_ASSUME_YES");

	return text && strcmp(text, "1") == 0;
}

/* To standard error, since standard output may be read by a program. */
int change_ask(const struct ctl *ctl, bool yes, const char *question)
{
	char answer[16];

	if (yes || assumes_yes())
		return EXIT_SUCCESS;
	if (!isatty(STDIN_FILENO))
		return ctl_usage(ctl,
			"standard input is no terminal, and this asks: say --yes (--dry-run shows what would happen)");
	fprintf(stderr, "%s Type yes: ", question);
	if (!fgets(answer, sizeof(answer), stdin) || strcmp(answer, "yes\n") != 0)
		return ctl_fail(ctl, "not confirmed: nothing was changed");
	return EXIT_SUCCESS;
}

static const Cek__V1__Usage *latest(const Cek__V1__Version *version)
{
	const Cek__V1__Usage *last = NULL;

	for (size_t i = 0; i < version->n_peers; i++)
		if (!last || version->peers[i]->last_used > last->last_used)
			last = version->peers[i];
	return last;
}

/* A cekd that knows no previews: what the version is, and who used it last. */
static int describe(struct ctl *ctl, const char *kid)
{
	const Cek__V1__Version *version;
	char time[OUTPUT_TIME];
	Cek__V1__Reply *reply;
	int r = rpc_describe(ctl, NULL, kid, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	version = keys_version(reply->key->key, kid);
	fprintf(stderr, "This cekd is of an earlier release and cannot say what would happen.\n");
	if (version) {
		const Cek__V1__Usage *last = latest(version);

		fprintf(stderr, "  version %u of key ", version->number);
		escape_put(stderr, reply->key->key->name);
		fprintf(stderr, " is %s; ", keys_state(version->state));
		if (version->last_used) {
			fprintf(stderr, "it was used last at %s by ", output_time(version->last_used, time));
			escape_put(stderr, last ? last->peer : "?");
			fputc('\n', stderr);
		} else {
			fprintf(stderr, "nobody has used it so far\n");
		}
	}
	rpc_reply_free(reply);
	return EXIT_SUCCESS;
}

static const char *kid_of(const Cek__V1__Request *request)
{
	return request->op_case == CEK__V1__REQUEST__OP_DESTROY_VERSION  ? request->destroy_version->kid
		: request->op_case == CEK__V1__REQUEST__OP_SET_KEY_STATE ? request->set_key_state->kid
									 : NULL;
}

int change_preview(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply **ret_reply)
{
	const int r = call(ctl, request, ret_reply);

	if (r == RPC_UNKNOWN)
		return ctl_fail(ctl,
			"%s: this cekd is of an earlier release and knows no --dry-run; nothing was changed",
			cek_status_name(CEK_UNSUPPORTED));
	return r;
}

static int dry_run(struct ctl *ctl, const Cek__V1__Request *request)
{
	Cek__V1__Reply *reply;
	int r = change_preview(ctl, request, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	r = change_preview_print(ctl, reply->preview);
	rpc_reply_free(reply);
	return r;
}

/* What would happen, before the question. *ret_ask: whether there is one. */
static int show(struct ctl *ctl, const Cek__V1__Request *request, bool *ret_ask)
{
	Cek__V1__Reply *reply;
	int r = call(ctl, request, &reply);

	if (r == RPC_UNKNOWN && !*ret_ask)
		return EXIT_SUCCESS;
	if (r == RPC_UNKNOWN)
		return kid_of(request) ? describe(ctl, kid_of(request)) : EXIT_SUCCESS;
	if (r != EXIT_SUCCESS)
		return r;
	*ret_ask = *ret_ask || reply->preview->ask;
	if (*ret_ask)
		print_words(stderr, reply->preview);
	rpc_reply_free(reply);
	return EXIT_SUCCESS;
}

bool change_agreed(struct ctl *ctl, const Cek__V1__Request *request, const struct change_how *how, int *ret_exit)
{
	bool ask = how->asks == CHANGE_ASKS_ALWAYS;
	int r = EXIT_SUCCESS;

	if (how->dry_run) {
		*ret_exit = dry_run(ctl, request);
		return false;
	}
	if (how->asks == CHANGE_ASKS_NEVER || how->yes || assumes_yes())
		return true;
	if (!ask || isatty(STDIN_FILENO))
		r = show(ctl, request, &ask);
	if (r == EXIT_SUCCESS && ask)
		r = change_ask(ctl, false, "\nGo on?");
	*ret_exit = r;
	return r == EXIT_SUCCESS;
}

int change_run(struct ctl *ctl, const Cek__V1__Request *request, const char *kid, const struct change_how *how)
{
	int r;

	return change_agreed(ctl, request, how, &r) ? keys_change(ctl, request, kid) : r;
}
