/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/probe/probe.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/probe/pairs.h"
#include "daemon/token/probe/roundtrip.h"

enum {
	FIRST_PAUSE_MS = 10, /* between the tries when the worker starts */
	LAST_PAUSE_MS = 80,
	PAUSE_MIN_US = 1000000, /* and of those afterwards: doubled each time */
	PAUSE_MAX_US = 256000000,
	CHEAP_US = 500000,      /* what takes longer is not repeated when the worker starts */
	JOB_PAUSE_US = 8000000, /* a job that needs it does not wait longer for a try, */
	JOB_PAUSE_TIMES = 64,   /* or so many times what the try takes: others wait for that */
	NAMES_MAX = 400,
};

static CK_RV session_aes_key(struct token *token, bool cipher, struct key *ret_key)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	CK_ULONG len = 32;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL *wraps = cipher ? &no : &yes, *encrypts = cipher ? &yes : &no;
	CK_ATTRIBUTE template[] = {
		{CKA_VALUE_LEN, &len, sizeof(len)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_ENCRYPT, encrypts, sizeof(no)},
		{CKA_DECRYPT, encrypts, sizeof(no)},
		{CKA_WRAP, wraps, sizeof(no)},
		{CKA_UNWRAP, wraps, sizeof(no)},
	};

	*ret_key = (struct key){
		.class = CKO_SECRET_KEY,
		.type = CKK_AES,
		.value_len = len,
		.can_decrypt = cipher,
		.can_unwrap = !cipher,
	};
	return token->session.f->C_GenerateKey(token->session.handle, &mechanism, template,
		sizeof(template) / sizeof(template[0]), &ret_key->handle);
}

/* What worked once is not tried again. */
static void try_ciphers(struct token *token)
{
	struct facts *facts = &token->facts;
	struct key key;
	CK_RV rv = session_aes_key(token, true, &key);

	facts_note(facts, FACTS_AES, rv);
	if (rv != CKR_OK)
		return;
	if (facts->kw != KW_CIPHER) {
		const enum kw_way before = facts->kw;

		facts->kw = KW_CIPHER;
		rv = round_trip(token, &key, alg_find("A256KW"));
		facts_note(facts, FACTS_AES, rv);
		if (rv != CKR_OK)
			facts->kw = before;
	}
	if (!facts->gcm) {
		facts->gcm = true;
		rv = round_trip(token, &key, alg_find("A256GCMKW"));
		facts_note(facts, FACTS_AES, rv);
		facts->gcm = rv == CKR_OK;
	}
	object_destroy(&token->session, key.handle);
}

static void try_wrapping(struct token *token)
{
	struct facts *facts = &token->facts;
	struct key key;
	CK_RV rv = session_aes_key(token, false, &key);

	facts_note(facts, FACTS_AES, rv);
	if (rv != CKR_OK)
		return;
	facts->kw = KW_OBJECT;
	rv = round_trip(token, &key, alg_find("A256KW"));
	facts_note(facts, FACTS_AES, rv);
	if (rv != CKR_OK)
		facts->kw = KW_NONE;
	object_destroy(&token->session, key.handle);
}

static void probe_aes(struct token *token)
{
	if (token->facts.kw != KW_CIPHER || !token->facts.gcm)
		try_ciphers(token);
	if (token->facts.kw == KW_NONE)
		try_wrapping(token);
}

/* A group at a time, so that the arena is enough. */
static void try_group(struct token *token, unsigned group)
{
	token->facts.doubt[group] = CKR_OK;
	if (group == FACTS_AES)
		probe_aes(token);
	else if (group == FACTS_RSA)
		probe_rsa(token);
	else
		probe_curve(token, curve_row(group - FACTS_CURVE_0));
}

static void count_doubts(struct facts *facts)
{
	facts->n_doubts = 0;
	for (unsigned group = 0; group < FACTS_GROUPS; group++)
		facts->n_doubts += facts->doubt[group] != CKR_OK;
	facts->tried_us = clock_monotonic_us();
}

/* But what took longer than most_us when it was tried last. */
static void try_doubtful(struct token *token, uint64_t most_us)
{
	for (unsigned group = 0; group < FACTS_GROUPS; group++) {
		const size_t used = token->arena.used;
		const uint64_t began = clock_monotonic_us();

		if (token->facts.doubt[group] == CKR_OK || token->facts.took_us[group] > most_us)
			continue;
		try_group(token, group);
		token->facts.took_us[group] = clock_monotonic_us() - began;
		/* A job may lie in front. */
		wipe(token->arena.base + used, token->arena.used - used);
		token->arena.used = used;
	}
	count_doubts(&token->facts);
}

static const char *name_of(const struct facts *facts, unsigned group)
{
	if (group == FACTS_RSA)
		return "RSA-OAEP";
	if (group != FACTS_AES)
		return curve_row(group - FACTS_CURVE_0)->name;
	if (facts->gcm)
		return "AES key wrap";
	return facts->kw == KW_CIPHER ? "AES-GCM" : "AES key wrap and AES-GCM";
}

/* Once for each change. */
static void tell_doubts(const struct facts *facts)
{
	static char told[NAMES_MAX];
	char names[NAMES_MAX] = "";
	size_t used = 0;

	for (unsigned group = 0; group < FACTS_GROUPS; group++)
		if (facts->doubt[group] != CKR_OK && used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s (%s)", used ? ", " : "",
				name_of(facts, group), ckr_says(facts->doubt[group]));
	if (strcmp(names, told) == 0)
		return;
	memcpy(told, names, sizeof(told));
	if (used > 0)
		log_warning("what the token can do is not known yet: %s; it is tried again", names);
	else
		log_info("what the token can do is known now");
}

CK_RV probe_run(struct token *token)
{
	CK_SESSION_INFO session;
	CK_RV rv = token->session.f->C_GetSessionInfo(token->session.handle, &session);

	if (rv != CKR_OK)
		return rv;
	for (unsigned group = 0; group < FACTS_GROUPS; group++)
		token->facts.doubt[group] = CKR_CEKD_UNTRIED;
	try_doubtful(token, UINT64_MAX);
	for (int pause_ms = FIRST_PAUSE_MS; token->facts.n_doubts > 0 && pause_ms <= LAST_PAUSE_MS; pause_ms *= 2) {
		(void)poll(NULL, 0, pause_ms);
		try_doubtful(token, CHEAP_US);
	}
	tell_doubts(&token->facts);
	token->facts.pause_us = PAUSE_MIN_US;
	return CKR_OK;
}

void probe_again(struct worker *worker)
{
	struct facts *facts = &worker->token.facts;
	const unsigned before = facts->n_doubts;

	for (unsigned group = 0; group < FACTS_GROUPS; group++) {
		const enum ckr_class class = ckr_class(facts->doubt[group]);

		if ((class == CKR_CLASS_SESSION || class == CKR_CLASS_LOGIN) && !worker->keys.never_reopen) {
			/* A session that is lost does not come back by itself. */
			if (!worker_renew(worker, false, facts->doubt[group]))
				return;
			break;
		}
	}
	try_doubtful(&worker->token, UINT64_MAX);
	tell_doubts(facts);
	if (facts->n_doubts < before)
		facts->changed = true;
	if (facts->pause_us < PAUSE_MAX_US)
		facts->pause_us *= 2;
}

/* How long after the last try a job may be the reason for another one. */
static uint64_t pause_of_jobs(const struct facts *facts)
{
	uint64_t most = 0;

	for (unsigned group = 0; group < FACTS_GROUPS; group++)
		if (facts->doubt[group] != CKR_OK)
			most += facts->took_us[group] * JOB_PAUSE_TIMES;
	if (most < JOB_PAUSE_US)
		most = JOB_PAUSE_US;
	return facts->pause_us < most ? facts->pause_us : most;
}

bool probe_settle(struct worker *worker, const struct alg *alg, const struct curve *curve)
{
	if (worker->token.facts.n_doubts == 0 || facts_settled(&worker->token.facts, alg, curve))
		return true;
	if (clock_monotonic_us() - worker->token.facts.tried_us < pause_of_jobs(&worker->token.facts))
		return false;
	probe_again(worker);
	return facts_settled(&worker->token.facts, alg, curve);
}
