/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key schedule: when a key rotates by itself. What is not given stays as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

enum { UNCHANGED = UINT32_MAX };

static uint32_t choose(uint32_t given, uint32_t present)
{
	return given == UNCHANGED ? present : given;
}

static void print_duration(const char *label, uint32_t seconds)
{
	char text[OUTPUT_DURATION];

	output_field(label, seconds ? output_duration(seconds, text) : "none");
}

static int print(const struct ctl *ctl, Cek__V1__Key *key)
{
	const Cek__V1__Schedule none = CEK__V1__SCHEDULE__INIT;
	const Cek__V1__Schedule *schedule = key->schedule ? key->schedule : &none;
	char max_uses[16];

	if (ctl->json)
		return output_json(ctl, keys_json(key));
	print_duration("period", schedule->period);
	print_duration("lead", schedule->lead);
	if (schedule->overlap)
		print_duration("overlap", schedule->overlap);
	else if (!schedule->token_lifetime)
		output_field("overlap", "not known without a token lifetime");
	else
		output_field("overlap", "JWKS max-age + token lifetime + clock skew");
	print_duration("token lifetime", schedule->token_lifetime);
	print_duration("JWKS max-age", schedule->jwks_max_age);
	snprintf(max_uses, sizeof(max_uses), "%u", key->max_uses);
	output_field("max uses", key->max_uses ? max_uses : "none");
	if (key->n_plan) {
		putchar('\n');
		keys_print_plan(key);
	}
	return EXIT_SUCCESS;
}

/* Issuers that keep a JWK Set longer than a version is published before it is active have not seen it by then. */
static int check_lead(const struct ctl *ctl, const Cek__V1__Schedule *given, const Cek__V1__Schedule *schedule,
	bool force)
{
	const bool asked = given->period != UNCHANGED || given->lead != UNCHANGED || given->jwks_max_age != UNCHANGED;
	const uint32_t lead = schedule->lead < schedule->period ? schedule->lead : schedule->period;
	char lead_text[OUTPUT_DURATION], age_text[OUTPUT_DURATION];

	if (schedule->period == 0 || lead >= schedule->jwks_max_age || force || !asked)
		return EXIT_SUCCESS;
	return ctl_usage(ctl,
		"the lead (%s) is shorter than the JWKS max-age (%s): issuers would not know a version when it becomes "
		"active; "
		"give a --lead of %s or more, or say --force",
		output_duration(lead, lead_text), output_duration(schedule->jwks_max_age, age_text), age_text);
}

static int change(struct ctl *ctl, char *name, const Cek__V1__Schedule *given, uint32_t max_uses,
	const Cek__V1__Key *present, bool force, const struct change_how *how)
{
	Cek__V1__SetKeyScheduleRequest set = CEK__V1__SET_KEY_SCHEDULE_REQUEST__INIT;
	Cek__V1__Schedule schedule = CEK__V1__SCHEDULE__INIT;
	const Cek__V1__Schedule *old = present->schedule ? present->schedule : &schedule;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	int r;

	schedule.period = choose(given->period, old->period);
	schedule.lead = choose(given->lead, old->lead);
	schedule.overlap = choose(given->overlap, old->overlap);
	schedule.token_lifetime = choose(given->token_lifetime, old->token_lifetime);
	schedule.jwks_max_age = choose(given->jwks_max_age, old->jwks_max_age);
	r = check_lead(ctl, given, &schedule, force);
	if (r != EXIT_SUCCESS)
		return r;
	set.key = name;
	set.schedule = &schedule;
	set.max_uses = choose(max_uses, present->max_uses);
	request.op_case = CEK__V1__REQUEST__OP_SET_KEY_SCHEDULE;
	request.set_key_schedule = &set;
	if (!change_agreed(ctl, &request, how, &r))
		return r;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_KEY, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	r = reply->key->key ? print(ctl, reply->key->key) : EXIT_SUCCESS;
	rpc_reply_free(reply);
	return r;
}

int verb_key_schedule(struct ctl *ctl, int argc, char **argv)
{
	Cek__V1__Schedule given = CEK__V1__SCHEDULE__INIT;
	uint32_t max_uses = UNCHANGED;
	struct change_how how = {.asks = CHANGE_ASKS_NEVER};
	bool force = false;
	const struct arg args[] = {
		{"period", ARG_DURATION, &given.period, "DURATION",
			"from one activation to the next; 0 = by hand only"},
		{"lead", ARG_DURATION, &given.lead, "DURATION",
			"a new public key is published that long before it is used"},
		{"overlap", ARG_DURATION, &given.overlap, "DURATION",
			"an old version still unwraps that long; 0 = from the two below"},
		{"token-lifetime", ARG_DURATION, &given.token_lifetime, "DURATION",
			"the longest life of an issuer's token"},
		{"jwks-max-age", ARG_DURATION, &given.jwks_max_age, "DURATION", "how long an issuer may keep a JWKS"},
		{"max-uses", ARG_NUMBER, &max_uses, "N", "rotate before a version was used that often; 0 = no limit"},
		{"force", ARG_FLAG, &force, NULL, "although the lead is shorter than the JWKS max-age"},
		CHANGE_DRY_RUN(how),
		{0},
	};
	bool given_any;
	Cek__V1__Reply *reply;
	char **words;
	int r;

	given.period = given.lead = given.overlap = given.token_lifetime = given.jwks_max_age = UNCHANGED;
	r = args_parse(ctl, argc, argv, args, 1, 1, &words);
	if (r != ARGS_GO)
		return args_exit(r);
	r = rpc_describe(ctl, words[0], NULL, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	given_any = (given.period & given.lead & given.overlap & given.token_lifetime & given.jwks_max_age &
			    max_uses) != UNCHANGED;
	r = given_any ? change(ctl, words[0], &given, max_uses, reply->key->key, force, &how)
		      : print(ctl, reply->key->key);
	rpc_reply_free(reply);
	return r;
}
