/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key show: all about one key, above all who still uses which version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/table.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/versions.h"
#include "client/cekctl/verbs/verbs.h"

static void print_time(const char *label, uint64_t time)
{
	char text[OUTPUT_TIME];

	if (time)
		output_field(label, output_time(time, text));
}

static void print_count(const char *label, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)count);
	output_field(label, text);
}

static void print_peers(const Cek__V1__Version *version)
{
	static const char *const head[] = {"USED BY", "UNWRAPS", "WRAPS", "LAST USED", NULL};
	struct table *table;

	if (version->n_peers == 0) {
		output_field("  used by", version->last_used ? "(nobody that is remembered)" : "nobody so far");
		return;
	}
	table = table_new(head);
	for (size_t i = 0; i < version->n_peers; i++) {
		const Cek__V1__Usage *usage = version->peers[i];
		char unwraps[24], wraps[24], last[OUTPUT_TIME];
		const char *const cells[] = {usage->peer, unwraps, wraps, output_time(usage->last_used, last)};

		snprintf(unwraps, sizeof(unwraps), "%llu", (unsigned long long)usage->unwraps);
		snprintf(wraps, sizeof(wraps), "%llu", (unsigned long long)usage->wraps);
		table_row(table, cells);
	}
	table_print(table, "    ");
	table_free(table);
	if (version->more_peers)
		printf("    and others, longer ago\n");
}

static void print_state(const Cek__V1__Version *version)
{
	char text[160], until[OUTPUT_TIME];
	int n = snprintf(text, sizeof(text), "%s", keys_state(version->state));

	if (version->until)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " until %s", output_time(version->until, until));
	if (version->state == CEK__V1__STATE__STATE_WAITING)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", then destroyed; if kept");
	else if (version->resumes_to)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %son demand", version->until ? "then or " : "");
	if (version->resumes_to)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s", keys_state(version->resumes_to));
	if (version->missing)
		snprintf(text + n, sizeof(text) - (size_t)n, " (MISSING: the token has no such object)");
	output_field("  state", text);
}

static void print_safe_to_retire(const Cek__V1__Version *version)
{
	char text[KEYS_RETIREMENT];

	output_field("  safe to retire", keys_retirement(version, text));
}

static void print_version(const Cek__V1__Version *version)
{
	char id[OUTPUT_HEX];

	printf("\nversion %u\n", version->number);
	output_field("  kid", version->kid);
	for (size_t i = 0; i < version->n_alias; i++)
		output_field("  also", version->alias[i]);
	print_state(version);
	output_field("  provenance", keys_provenance(version->provenance));
	output_field("  note", version->note);
	output_field("  CKA_ID", output_hex(&version->cka_id, id));
	print_time("  created", version->created);
	print_time("  activated", version->activated);
	print_time("  deactivated", version->deactivated);
	print_safe_to_retire(version);
	print_time("  destroyed", version->destroyed);
	print_count("  unwraps", version->unwraps);
	print_count("  wraps", version->wraps);
	if (version->refused)
		print_count("  refused", version->refused);
	print_time("  last used", version->last_used);
	print_peers(version);
}

static void print_schedule(const Cek__V1__Key *key)
{
	const Cek__V1__Schedule *schedule = key->schedule;
	char text[200], period[OUTPUT_DURATION], lead[OUTPUT_DURATION], overlap[OUTPUT_DURATION];

	if (!schedule || schedule->period == 0) {
		output_field("rotation", "by hand only");
		return;
	}
	snprintf(text, sizeof(text), "every %s, published %s before", output_duration(schedule->period, period),
		output_duration(schedule->lead, lead));
	output_field("rotation", text);
	if (schedule->overlap)
		output_field("overlap", output_duration(schedule->overlap, overlap));
}

static void print_key(Cek__V1__Key *key)
{
	output_field("key", key->name);
	output_field("alg", key->alg);
	if (key->bits)
		print_count("bits", key->bits);
	output_field("curve", key->crv);
	if (key->max_uses)
		print_count("max uses", key->max_uses);
	print_schedule(key);
	if (key->without_kid)
		print_count("without kid", key->without_kid);
	output_field("you may", *key->operations ? key->operations : "only look");
	for (size_t i = 0; i < key->n_version; i++)
		print_version(key->version[i]);
	if (key->n_plan) {
		printf("\ntimetable\n");
		keys_print_plan(key);
	}
}

static void print_kids(const Cek__V1__Key *key)
{
	for (size_t i = 0; i < key->n_version; i++) {
		output_text(key->version[i]->kid);
		putchar('\n');
	}
}

int verb_key_show(struct ctl *ctl, int argc, char **argv)
{
	const char *kid = NULL;
	const struct arg args[] = {
		{"kid", ARG_STRING, &kid, "KID", "the key that this kid belongs to"},
		{0},
	};
	struct resolved version;
	Cek__V1__Reply *reply;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!words[0] == !kid)
		return ctl_usage(ctl, "a NAME or --kid KID is needed, one of them");
	if (words[0] && strchr(words[0], '/'))
		return ctl_usage(ctl, "%s is no NAME of a key; a version's is shown with --kid %s", words[0], words[0]);
	if (kid)
		r = resolve_version(ctl, kid, &version);
	if (r == EXIT_SUCCESS)
		r = versions_describe(ctl, words[0], kid ? version.kid : NULL, false, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	versions_warn(ctl, reply->key->key);
	if (ctl->json)
		r = output_json(ctl, keys_json(reply->key->key));
	else if (ctl->names)
		print_kids(reply->key->key);
	else
		print_key(reply->key->key);
	rpc_reply_free(reply);
	return r;
}
