#include "daemon/token/probe/probe.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/token/algs/mech.h"
#include "daemon/token/probe/pairs.h"
#include "daemon/token/probe/roundtrip.h"
#include "daemon/token/probe/worker.h"

enum {
	FIRST_PAUSE_MS = 10, /* between the tries when the worker starts */
	LAST_PAUSE_MS = 80,
	PAUSE_MIN_US = 1000000, /* and of those afterwards: doubled each time */
	PAUSE_MAX_US = 256000000,
};

unsigned probe_hash_index(const struct alg *alg)
{
	return alg->hash_bits == 1 ? 0 : alg->hash_bits / 128 - 1;
}

unsigned probe_curve_index(const struct curve *curve)
{
	return (unsigned)(curve - curve_row(0));
}

CK_KEY_TYPE probe_key_type(const struct probe *probe, const struct curve *curve)
{
	switch (probe->curve[probe_curve_index(curve)].generate) {
	case CKM_EC_EDWARDS_KEY_PAIR_GEN:
		return CKK_EC_EDWARDS;
	case CKM_MONTGOMERY_KEY_PAIR_GEN:
		return CKK_MONTGOMERY;
	default:
		return CKK_EC;
	}
}

/* What is in doubt about alg, CKR_OK if nothing is. */
static CK_RV doubt_of(const struct probe *probe, const struct alg *alg)
{
	if (alg->family != ALG_ECDH)
		return probe->doubt[alg->family == ALG_RSA_OAEP ? PROBE_RSA : PROBE_AES];
	for (unsigned i = 0; i < PROBE_CURVES; i++)
		if (probe->doubt[PROBE_CURVE_0 + i] != CKR_OK)
			return probe->doubt[PROBE_CURVE_0 + i];
	return CKR_OK;
}

static CK_RV session_aes_key(struct worker *worker, bool cipher, struct key *ret_key)
{
	CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ULONG len = 32;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BBOOL *wraps = cipher ? &no : &yes, *encrypts = cipher ? &yes : &no;
	CK_ATTRIBUTE template[] = {
		{ CKA_VALUE_LEN, &len, sizeof(len) },  { CKA_TOKEN, &no, sizeof(no) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },  { CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_ENCRYPT, encrypts, sizeof(no) }, { CKA_DECRYPT, encrypts, sizeof(no) },
		{ CKA_WRAP, wraps, sizeof(no) },       { CKA_UNWRAP, wraps, sizeof(no) },
	};

	*ret_key = (struct key){
		.class = CKO_SECRET_KEY,
		.type = CKK_AES,
		.value_len = len,
		.can_decrypt = cipher,
		.can_unwrap = !cipher,
	};
	return worker->session.f->C_GenerateKey(worker->session.handle, &mechanism, template,
						sizeof(template) / sizeof(template[0]), &ret_key->handle);
}

/* What worked once is not tried again. */
static void try_ciphers(struct worker *worker)
{
	struct probe *probe = &worker->probe;
	struct key key;
	CK_RV rv = session_aes_key(worker, true, &key);

	probe_note(probe, PROBE_AES, rv);
	if (rv != CKR_OK)
		return;
	if (probe->kw != KW_CIPHER) {
		const enum kw_way before = probe->kw;

		probe->kw = KW_CIPHER;
		rv = round_trip(worker, &key, alg_find("A256KW"));
		probe_note(probe, PROBE_AES, rv);
		if (rv != CKR_OK)
			probe->kw = before;
	}
	if (!probe->gcm) {
		probe->gcm = true;
		rv = round_trip(worker, &key, alg_find("A256GCMKW"));
		probe_note(probe, PROBE_AES, rv);
		probe->gcm = rv == CKR_OK;
	}
	worker->session.f->C_DestroyObject(worker->session.handle, key.handle);
}

static void try_wrapping(struct worker *worker)
{
	struct probe *probe = &worker->probe;
	struct key key;
	CK_RV rv = session_aes_key(worker, false, &key);

	probe_note(probe, PROBE_AES, rv);
	if (rv != CKR_OK)
		return;
	probe->kw = KW_OBJECT;
	rv = round_trip(worker, &key, alg_find("A256KW"));
	probe_note(probe, PROBE_AES, rv);
	if (rv != CKR_OK)
		probe->kw = KW_NONE;
	worker->session.f->C_DestroyObject(worker->session.handle, key.handle);
}

static void probe_aes(struct worker *worker)
{
	if (worker->probe.kw != KW_CIPHER || !worker->probe.gcm)
		try_ciphers(worker);
	if (worker->probe.kw == KW_NONE)
		try_wrapping(worker);
}

/* SoftHSM says CKR_ARGUMENTS_BAD to a hash that it does not do. */
static bool clearly_refused(CK_RV rv)
{
	const enum ckr_class class = ckr_class(rv);

	return class == CKR_CLASS_UNSUPPORTED || class == CKR_CLASS_DATA || rv == CKR_ARGUMENTS_BAD ||
	       rv == CKR_CEKD_WRONG;
}

void probe_note(struct probe *probe, unsigned group, CK_RV rv)
{
	if (rv != CKR_OK && !clearly_refused(rv) && probe->doubt[group] == CKR_OK)
		probe->doubt[group] = rv;
}

/* A group at a time, so that the arena is enough. */
static void try_group(struct worker *worker, unsigned group)
{
	worker->probe.doubt[group] = CKR_OK;
	if (group == PROBE_AES)
		probe_aes(worker);
	else if (group == PROBE_RSA)
		probe_rsa(worker);
	else
		probe_curve(worker, curve_row(group - PROBE_CURVE_0));
}

static void count_doubts(struct probe *probe)
{
	probe->n_doubts = 0;
	for (unsigned group = 0; group < PROBE_GROUPS; group++)
		probe->n_doubts += probe->doubt[group] != CKR_OK;
	probe->tried_us = clock_monotonic_us();
}

static void try_doubtful(struct worker *worker)
{
	for (unsigned group = 0; group < PROBE_GROUPS; group++) {
		const size_t used = worker->arena.used;

		if (worker->probe.doubt[group] != CKR_OK)
			try_group(worker, group);
		/* A job may lie in front. */
		wipe(worker->arena.base + used, worker->arena.used - used);
		worker->arena.used = used;
	}
	count_doubts(&worker->probe);
}

CK_RV probe_run(struct worker *worker)
{
	CK_SESSION_INFO session;
	CK_RV rv = worker->session.f->C_GetSessionInfo(worker->session.handle, &session);

	if (rv != CKR_OK)
		return rv;
	for (unsigned group = 0; group < PROBE_GROUPS; group++)
		worker->probe.doubt[group] = CKR_CEKD_UNTRIED;
	try_doubtful(worker);
	for (int pause_ms = FIRST_PAUSE_MS; worker->probe.n_doubts > 0 && pause_ms <= LAST_PAUSE_MS; pause_ms *= 2) {
		(void)poll(NULL, 0, pause_ms);
		try_doubtful(worker);
	}
	for (unsigned group = 0; group < PROBE_GROUPS; group++)
		if (worker->probe.doubt[group] != CKR_OK)
			log_warning("what the token can do is not known yet: it said %s; it is tried again",
				    ckr_name(worker->probe.doubt[group]));
	worker->probe.pause_us = PAUSE_MIN_US;
	return CKR_OK;
}

uint64_t probe_wait_us(const struct probe *probe)
{
	const uint64_t age = clock_monotonic_us() - probe->tried_us;

	if (probe->n_doubts == 0)
		return UINT64_MAX;
	return age < probe->pause_us ? probe->pause_us - age : 0;
}

/* A session that is lost does not come back by itself. */
static void renew(struct worker *worker, CK_RV rv)
{
	enum session_result result;

	keys_forget_all(&worker->keys);
	result = session_reopen(&worker->session);
	if (result == SESSION_OK)
		return;
	worker->ending = true;
	worker->pin_refused = result == SESSION_PIN;
	snprintf(worker->why, sizeof(worker->why), "%s",
		 worker->session.why[0] ? worker->session.why : ckr_name(rv));
}

void probe_again(struct worker *worker)
{
	struct probe *probe = &worker->probe;
	const struct probe before = *probe;

	for (unsigned group = 0; group < PROBE_GROUPS; group++) {
		const enum ckr_class class = ckr_class(probe->doubt[group]);

		if ((class == CKR_CLASS_SESSION || class == CKR_CLASS_LOGIN) && !worker->keys.never_reopen) {
			renew(worker, probe->doubt[group]);
			break;
		}
	}
	if (worker->ending)
		return;
	try_doubtful(worker);
	if (probe->n_doubts < before.n_doubts) {
		log_info("what the token can do is known now%s", probe->n_doubts > 0 ? ", but for a part" : "");
		probe->changed = true;
	}
	if (probe->pause_us < PAUSE_MAX_US)
		probe->pause_us *= 2;
}

/* Of all that ECDH-ES needs only the curve of the key counts. */
static bool settled(const struct probe *probe, const struct alg *alg, const struct curve *curve)
{
	const char *how;

	if (alg->family == ALG_ECDH && curve)
		return probe->curve[probe_curve_index(curve)].works ||
		       probe->doubt[PROBE_CURVE_0 + probe_curve_index(curve)] == CKR_OK;
	return probe_describe(probe, alg, &how) || doubt_of(probe, alg) == CKR_OK;
}

bool probe_settle(struct worker *worker, const struct alg *alg, const struct curve *curve)
{
	if (worker->probe.n_doubts == 0 || settled(&worker->probe, alg, curve))
		return true;
	if (clock_monotonic_us() - worker->probe.tried_us < PAUSE_MIN_US)
		return false;
	probe_again(worker);
	return settled(&worker->probe, alg, curve);
}

static bool describe_rsa(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	const unsigned index = probe_hash_index(alg);

	if (probe->oaep[index])
		*ret_how = "CKM_RSA_PKCS_OAEP in the token";
	else if (probe->raw_rsa)
		*ret_how = "CKM_RSA_X_509 in the token, OAEP decoding in the worker";
	else
		*ret_how = "the token does neither CKM_RSA_PKCS_OAEP with this hash nor CKM_RSA_X_509";
	return probe->oaep[index] || probe->raw_rsa;
}

static bool describe_ecdh(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	static char text[160];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < PROBE_CURVES && curve_row(i); i++)
		if (probe->curve[i].works)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "CKM_ECDH1_DERIVE in the token (", curve_row(i)->name);
	if (used == 0) {
		*ret_how = "the token does not do CKM_ECDH1_DERIVE on any of our curves";
		return false;
	}
	snprintf(text + used, sizeof(text) - used, "), Concat KDF%s in the worker",
		 alg->key_bits ? " and AES key wrap" : "");
	*ret_how = text;
	return true;
}

static bool describe(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return describe_rsa(probe, alg, ret_how);
	case ALG_AES_KW:
		*ret_how = probe->kw == KW_CIPHER ? "CKM_AES_KEY_WRAP in the token (C_Encrypt, C_Decrypt)"
			 : probe->kw == KW_OBJECT ? "CKM_AES_KEY_WRAP in the token (C_WrapKey, C_UnwrapKey)"
						  : "the token does not do CKM_AES_KEY_WRAP";
		return probe->kw != KW_NONE;
	case ALG_AES_GCMKW:
		*ret_how = probe->gcm ? "CKM_AES_GCM in the token" : "the token does not do CKM_AES_GCM";
		return probe->gcm;
	case ALG_ECDH:
		return describe_ecdh(probe, alg, ret_how);
	}
	return false;
}

bool probe_describe(const struct probe *probe, const struct alg *alg, const char **ret_how)
{
	static char text[256];
	const bool works = describe(probe, alg, ret_how);
	const CK_RV doubt = doubt_of(probe, alg);

	if (doubt == CKR_OK || (works && alg->family != ALG_ECDH))
		return works;
	if (works)
		snprintf(text, sizeof(text), "%s; on other curves not tried successfully yet: %s", *ret_how,
			 ckr_name(doubt));
	else
		snprintf(text, sizeof(text), "not tried successfully yet: the token says %s", ckr_name(doubt));
	*ret_how = text;
	return works;
}
