/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "client/cek.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/table.h"
#include "client/cekctl/rpc/rpc.h"

const char *keys_state(Cek__V1__State state)
{
	return cek_state_name((int)state);
}

const char *keys_provenance(Cek__V1__Provenance provenance)
{
	switch (provenance) {
	case CEK__V1__PROVENANCE__PROVENANCE_GENERATED:
		return "generated";
	case CEK__V1__PROVENANCE__PROVENANCE_IMPORTED:
		return "imported";
	case CEK__V1__PROVENANCE__PROVENANCE_ADOPTED:
		return "adopted";
	default:
		return "unknown";
	}
}

const Cek__V1__Version *keys_active(const Cek__V1__Key *key)
{
	for (size_t i = 0; i < key->n_version; i++)
		if (key->version[i]->state == CEK__V1__STATE__STATE_ACTIVE)
			return key->version[i];
	return NULL;
}

bool keys_has_kid(const Cek__V1__Version *version, const char *kid)
{
	for (size_t i = 0; i < version->n_alias; i++)
		if (strcmp(version->alias[i], kid) == 0)
			return true;
	return strcmp(version->kid, kid) == 0;
}

const Cek__V1__Version *keys_version(const Cek__V1__Key *key, const char *kid)
{
	for (size_t i = 0; i < key->n_version; i++)
		if (keys_has_kid(key->version[i], kid))
			return key->version[i];
	return NULL;
}

static void set_bytes(json_t *object, const char *name, const ProtobufCBinaryData *bytes)
{
	if (bytes->len)
		json_object_set_new(object, name, output_bytes(bytes));
}

static void set_number(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

json_t *keys_public_json(const Cek__V1__PublicKey *public_key)
{
	json_t *object = json_object();

	output_set_text(object, "kty", public_key->kty);
	output_set_text(object, "crv", public_key->crv);
	set_bytes(object, "n", &public_key->n);
	set_bytes(object, "e", &public_key->e);
	set_bytes(object, "x", &public_key->x);
	set_bytes(object, "y", &public_key->y);
	return object;
}

json_t *keys_usage_json(const Cek__V1__Usage *usage)
{
	json_t *object = json_object();

	output_set_text(object, "peer", usage->peer);
	set_number(object, "unwraps", usage->unwraps);
	set_number(object, "wraps", usage->wraps);
	output_set_time(object, "last_used", usage->last_used);
	return object;
}

static void set_version_times(json_t *object, const Cek__V1__Version *version)
{
	output_set_time(object, "created", version->created);
	output_set_time(object, "activated", version->activated);
	output_set_time(object, "deactivated", version->deactivated);
	output_set_time(object, "until", version->until);
	output_set_time(object, "destroyed", version->destroyed);
	output_set_time(object, "overlap_end", version->overlap_end);
	output_set_time(object, "last_used", version->last_used);
}

static json_t *version_json(const Cek__V1__Version *version)
{
	json_t *object = json_object(), *aliases = json_array(), *peers = json_array();
	char id[OUTPUT_HEX];

	output_set_text(object, "kid", version->kid);
	for (size_t i = 0; i < version->n_alias; i++)
		json_array_append_new(aliases, output_string(version->alias[i]));
	json_object_set_new(object, "aliases", aliases);
	set_number(object, "number", version->number);
	output_set_text(object, "state", keys_state(version->state));
	if (version->resumes_to)
		output_set_text(object, "resumes_to", keys_state(version->resumes_to));
	json_object_set_new(object, "missing", json_boolean(version->missing));
	output_set_text(object, "provenance", keys_provenance(version->provenance));
	output_set_text(object, "cka_id", output_hex(&version->cka_id, id));
	set_version_times(object, version);
	set_number(object, "unwraps", version->unwraps);
	set_number(object, "wraps", version->wraps);
	set_number(object, "refused", version->refused);
	for (size_t i = 0; i < version->n_peers; i++)
		json_array_append_new(peers, keys_usage_json(version->peers[i]));
	json_object_set_new(object, "peers", peers);
	if (version->more_peers)
		json_object_set_new(object, "more_peers", json_true());
	if (version->public_key && strcmp(version->public_key->kty, "oct") != 0)
		json_object_set_new(object, "public_key", keys_public_json(version->public_key));
	output_set_text(object, "note", version->note);
	output_set_text(object, "retire_why", version->retire_why);
	return object;
}

static json_t *schedule_json(const Cek__V1__Schedule *schedule)
{
	json_t *object = json_object();

	set_number(object, "period", schedule->period);
	set_number(object, "lead", schedule->lead);
	set_number(object, "overlap", schedule->overlap);
	set_number(object, "token_lifetime", schedule->token_lifetime);
	set_number(object, "jwks_max_age", schedule->jwks_max_age);
	return object;
}

static json_t *event_json(const Cek__V1__Event *event)
{
	json_t *object = json_object();

	output_set_time(object, "time", event->time);
	output_set_text(object, "what", event->what);
	output_set_text(object, "kid", event->kid);
	output_set_text(object, "why", event->why);
	return object;
}

/* Words between spaces. */
static json_t *words_json(const char *text)
{
	json_t *array = json_array();
	char *word;

	for (size_t len; *(text += strspn(text, " ")); text += len) {
		len = strcspn(text, " ");
		word = strndup(text, len);
		json_array_append_new(array, word ? output_string(word) : NULL);
		free(word);
	}
	return array;
}

json_t *keys_json(const Cek__V1__Key *key)
{
	json_t *object = json_object(), *versions = json_array(), *events = json_array();
	const Cek__V1__Version *active = keys_active(key);

	output_set_text(object, "name", key->name);
	output_set_text(object, "alg", key->alg);
	if (key->bits)
		set_number(object, "bits", key->bits);
	output_set_text(object, "crv", key->crv);
	output_set_text(object, "active", active ? active->kid : "");
	for (size_t i = 0; i < key->n_version; i++)
		json_array_append_new(versions, version_json(key->version[i]));
	json_object_set_new(object, "versions", versions);
	if (key->before)
		set_number(object, "before", key->before);
	if (key->schedule)
		json_object_set_new(object, "schedule", schedule_json(key->schedule));
	set_number(object, "max_uses", key->max_uses);
	if (key->without_kid)
		set_number(object, "without_kid", key->without_kid);
	for (size_t i = 0; i < key->n_plan; i++)
		json_array_append_new(events, event_json(key->plan[i]));
	json_object_set_new(object, "events", events);
	if (key->more_plan)
		set_number(object, "more_events", key->more_plan);
	json_object_set_new(object, "operations", words_json(key->operations));
	return object;
}

static int compare_events(const void *a, const void *b)
{
	uint64_t first = (*(Cek__V1__Event *const *)a)->time, second = (*(Cek__V1__Event *const *)b)->time;

	/* What has no time comes last. */
	return first == second ? 0 : first - 1 < second - 1 ? -1 : 1;
}

void keys_print_plan(Cek__V1__Key *key)
{
	static const char *const head[] = {"TIME", "WHAT", "KID", "WHY", NULL};
	struct table *table = table_new(head);
	char time[OUTPUT_TIME];

	qsort(key->plan, key->n_plan, sizeof(key->plan[0]), compare_events);
	for (size_t i = 0; i < key->n_plan; i++) {
		const Cek__V1__Event *event = key->plan[i];
		const char *const cells[] = {event->time ? output_time(event->time, time) : "not known", event->what,
			*event->kid ? event->kid : "(not made yet)", event->why};

		table_row(table, cells);
	}
	table_print(table, "");
	table_free(table);
	if (key->more_plan)
		printf("and %u more retirement%s of old versions\n", key->more_plan, plural(key->more_plan));
}

const char *keys_retirement(const Cek__V1__Version *version, char text[KEYS_RETIREMENT])
{
	char time[OUTPUT_TIME], why[KEYS_RETIREMENT];

	if (version->overlap_end && *version->retire_why)
		snprintf(text, KEYS_RETIREMENT, "%s: %s", output_time(version->overlap_end, time),
			output_local(version->retire_why, why, sizeof(why) - sizeof(time) - 2));
	else if (version->overlap_end)
		output_time(version->overlap_end, text);
	else if (!*version->retire_why && version->deactivated && !version->destroyed)
		snprintf(text, KEYS_RETIREMENT, "not known: set --token-lifetime or --overlap (cekctl key schedule)");
	else
		snprintf(text, KEYS_RETIREMENT, "%s", version->retire_why);
	return text;
}

int keys_print_change(const struct ctl *ctl, const Cek__V1__Key *key, const char *kid)
{
	const Cek__V1__Version *active, *version;
	char retirement[KEYS_RETIREMENT];

	if (!key)
		return rpc_fail_protocol(ctl, "cekd's reply is empty");
	if (ctl->json)
		return output_json(ctl, keys_json(key));
	active = keys_active(key);
	version = kid ? keys_version(key, kid) : active;
	output_text(key->name);
	if (version) {
		char time[OUTPUT_TIME];

		printf(": version ");
		output_text(version->kid);
		printf(" is %s", keys_state(version->state));
		if (version->until)
			printf(" until %s", output_time(version->until, time));
	}
	if (!active) {
		printf("%s no version is active", version ? "," : ":");
	} else if (active != version) {
		printf(version ? ", active is " : ": active is ");
		output_text(active->kid);
	}
	putchar('\n');
	if (version && version->state == CEK__V1__STATE__STATE_WAITING)
		output_field("safe to retire", keys_retirement(version, retirement));
	return EXIT_SUCCESS;
}

int keys_change(struct ctl *ctl, const Cek__V1__Request *request, const char *kid)
{
	Cek__V1__Reply *reply;
	int r = rpc_call(ctl, request, CEK__V1__REPLY__RESULT_KEY, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	r = keys_print_change(ctl, reply->key->key, kid);
	rpc_reply_free(reply);
	return r;
}
