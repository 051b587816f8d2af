/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h, results. */
#include "client/result.h"

#include <string.h>

#include "proto/alg.h"
#include "proto/frame.h"

enum {
	RESULT_SIZE = (sizeof(struct cek_result) + 15) / 16 * 16,
	LARGE_BASE = 16384,
	N_FACTORS = 2,
	MESSAGE_MAX = 1024, /* bytes of what a status is explained with */
};

/* Bytes of memory for each byte of a reply that no slot can hold: what is usual, and what the densest honest one
 * (many keys with short names) needs. A message that wants more is made of nothing but tiny fields. */
static const size_t large_factors[N_FACTORS] = {8, 64};

/* The same for one that was put together of many frames: nothing honest is that dense, and 64 times would be much. */
static const size_t whole_factors[N_FACTORS] = {8, 16};

/* For the statuses that come from libcek itself: they need no memory, so that a callback can always be run. */
static const struct cek_result local_results[] = {
	{.status = CEK_OK},
	{.status = CEK_E_INVALID},
	{.status = CEK_E_NOMEM},
	{.status = CEK_E_CONNECT},
	{.status = CEK_E_DISCONNECTED},
	{.status = CEK_E_TIMEOUT},
	{.status = CEK_E_CANCELLED},
	{.status = CEK_E_PROTOCOL},
	{.status = CEK_E_FULL},
	{.status = CEK_OVERLOADED},
	{.status = CEK_UNAVAILABLE},
	{.status = CEK_DENIED},
	{.status = CEK_TOO_LARGE},
};

cek_result *result_local(int status)
{
	size_t i = 0;

	while (i + 1 < sizeof(local_results) / sizeof(local_results[0]) && local_results[i].status != status)
		i++;
	return (cek_result *)(uintptr_t)&local_results[i];
}

static cek_result *result_in_slot(struct slots *slots)
{
	struct slots_slab *slab;
	cek_result *result = slots_take(slots, &slab);

	if (!result)
		return NULL;
	result->refs = 1;
	result->slab = slab;
	arena_over(&result->memory, (uint8_t *)result + RESULT_SIZE, SLOT_SIZE - RESULT_SIZE);
	return result;
}

static cek_result *result_alone(size_t size)
{
	struct arena memory;
	cek_result *result;

	if (arena_init(&memory, size) < 0)
		return NULL;
	result = arena_alloc(&memory, sizeof(*result));
	result->refs = 1;
	result->memory = memory;
	return result;
}

cek_result *cek_result_keep(cek_result *result)
{
	if (result && result->refs > 0)
		result->refs++;
	return result;
}

cek_result *cek_result_free(cek_result *result)
{
	struct arena memory;
	struct slots_slab *slab;

	if (!result || result->refs == 0 || --result->refs > 0)
		return NULL;
	slab = result->slab;
	memory = result->memory;
	if (slab) {
		arena_reset(&memory);
		wipe(result, sizeof(*result));
		slots_give(slab, result);
	} else {
		arena_deinit(&memory); /* the result is in it */
	}
	return NULL;
}

static struct cek_bytes bytes(ProtobufCBinaryData data)
{
	return (struct cek_bytes){data.len > 0 ? data.data : NULL, data.len};
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void take_params(cek_result *result, const Cek__V1__AlgParams *params)
{
	if (!params)
		return;
	if (params->epk)
		result->params.epk = describe_public_key(params->epk);
	result->params.apu = bytes(params->apu);
	result->params.apv = bytes(params->apv);
	result->params.iv = bytes(params->iv);
	result->params.tag = bytes(params->tag);
}

static void take_wrapped(cek_result *result, ProtobufCBinaryData encrypted_key, const char *kid, const char *alg,
	const Cek__V1__AlgParams *params)
{
	result->encrypted_key = bytes(encrypted_key);
	result->kid = text_or_null(kid);
	result->alg = text_or_null(alg);
	take_params(result, params);
}

static void take_fields(cek_result *result)
{
	const Cek__V1__Reply *reply = result->reply;
	const Cek__V1__GenerateCekReply *generate = reply->generate_cek; /* members of one union */
	const Cek__V1__RewrapReply *rewrap = reply->rewrap;
	const Cek__V1__WrapReply *wrap = reply->wrap;

	switch (reply->result_case) {
	case CEK__V1__REPLY__RESULT_UNWRAP:
		result->cek = bytes(reply->unwrap->cek);
		result->kid = text_or_null(reply->unwrap->kid);
		result->key = text_or_null(reply->unwrap->key);
		result->candidates = reply->unwrap->candidates;
		break;
	case CEK__V1__REPLY__RESULT_WRAP:
		take_wrapped(result, wrap->encrypted_key, wrap->kid, wrap->alg, wrap->params);
		break;
	case CEK__V1__REPLY__RESULT_GENERATE_CEK:
		take_wrapped(result, generate->encrypted_key, generate->kid, generate->alg, generate->params);
		result->cek = bytes(generate->cek);
		break;
	case CEK__V1__REPLY__RESULT_REWRAP:
		take_wrapped(result, rewrap->encrypted_key, rewrap->kid, rewrap->alg, rewrap->params);
		result->unchanged = rewrap->unchanged;
		break;
	case CEK__V1__REPLY__RESULT_WATCH:
		if (reply->watch->epoch > 0)
			result->epoch = reply->watch->epoch;
		break;
	default:
		break;
	}
}

/* A call on one key tells of it what others tell as well. */
static void take_described(cek_result *result)
{
	if (!result->described.key)
		return;
	result->key = result->described.key;
	result->alg = result->described.alg;
	result->kid = result->described.kid;
}

static bool fields_valid(const cek_result *result)
{
	return result->cek.len <= CEK_LEN_MAX && result->encrypted_key.len <= ENCRYPTED_KEY_MAX &&
		(!result->kid || strlen(result->kid) <= KID_MAX) &&
		(!result->key || strlen(result->key) <= KEY_NAME_MAX);
}

/* CEK_E_NOMEM: the arena is too small. protobuf-c does not tell that from a message that is none; the arena does. */
static int result_fill(cek_result *result, const uint8_t *body, size_t len)
{
	uint8_t *packed = arena_alloc(&result->memory, len);
	Cek__V1__Reply *reply;
	int status;

	if (!packed)
		return CEK_E_NOMEM;
	memcpy(packed, body, len);
	reply = cek__v1__reply__unpack(arena_allocator(&result->memory), len, packed);
	if (!reply)
		return result->memory.full ? CEK_E_NOMEM : CEK_E_PROTOCOL;
	if ((int)reply->status < CEK__V1__STATUS__STATUS_OK)
		return CEK_E_PROTOCOL;
	result->packed = (struct cek_bytes){packed, len};
	result->reply = reply;
	result->epoch = reply->epoch;
	result->status = reply->status == CEK__V1__STATUS__STATUS_OK ? CEK_OK : (int)reply->status;
	result->message = "";
	if (result->status != CEK_OK) {
		result->message = text_or_null(describe_text(reply->message, MESSAGE_MAX));
		result->reason = (int)reply->reason;
		return CEK_OK;
	}
	take_fields(result);
	status = describe(&result->memory, reply, &result->described);
	if (status != CEK_OK)
		return status;
	take_described(result);
	return fields_valid(result) ? CEK_OK : CEK_E_PROTOCOL;
}

/* Takes the result: to the caller if it was filled, else back. */
static int result_try(cek_result *result, const uint8_t *body, size_t len, cek_result **ret_result)
{
	int status = result_fill(result, body, len);

	if (status == CEK_OK)
		*ret_result = result;
	else
		cek_result_free(result);
	return status;
}

int result_parse(struct slots *slots, const uint8_t *body, size_t len, cek_result **ret_result)
{
	const size_t *factors = len > FRAME_BODY_MAX ? whole_factors : large_factors;
	cek_result *result;
	int status = CEK_E_NOMEM;

	if (len <= SLOT_SIZE / 2) {
		result = result_in_slot(slots);
		if (!result)
			return CEK_E_NOMEM;
		status = result_try(result, body, len, ret_result);
	}
	for (size_t i = 0; status == CEK_E_NOMEM && i < N_FACTORS; i++) {
		result = result_alone(LARGE_BASE + factors[i] * len);
		if (!result)
			return CEK_E_NOMEM;
		status = result_try(result, body, len, ret_result);
	}
	return status == CEK_E_NOMEM ? CEK_E_PROTOCOL : status;
}

static Cek__V1__Reply__ResultCase expected(enum call_kind kind)
{
	switch (kind) {
	case CALL_UNWRAP:
		return CEK__V1__REPLY__RESULT_UNWRAP;
	case CALL_WRAP:
		return CEK__V1__REPLY__RESULT_WRAP;
	case CALL_GENERATE:
		return CEK__V1__REPLY__RESULT_GENERATE_CEK;
	case CALL_REWRAP:
		return CEK__V1__REPLY__RESULT_REWRAP;
	case CALL_KEY:
		return CEK__V1__REPLY__RESULT_KEY;
	case CALL_LIST_KEYS:
		return CEK__V1__REPLY__RESULT_LIST_KEYS;
	case CALL_PUBLIC_KEYS:
		return CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
	case CALL_STATUS:
		return CEK__V1__REPLY__RESULT_STATUS_REPLY;
	case CALL_WATCH:
		return CEK__V1__REPLY__RESULT_WATCH;
	case CALL_ANY:
		break;
	}
	return CEK__V1__REPLY__RESULT__NOT_SET;
}

bool result_answers(const cek_result *result, enum call_kind kind, unsigned cek_len)
{
	if (result->status != CEK_OK || kind == CALL_ANY)
		return true;
	if (result->reply->result_case != expected(kind))
		return false;
	if (kind == CALL_UNWRAP || kind == CALL_GENERATE)
		return cek_len > 0 ? result->cek.len == cek_len : result->cek.len > 0;
	return kind != CALL_KEY || result->described.n_keys == 1;
}

int cek_result_status(const cek_result *result)
{
	return result ? result->status : CEK_E_INVALID;
}

const char *cek_result_message(const cek_result *result)
{
	return result && result->message ? result->message : cek_status_text(cek_result_status(result));
}

int cek_result_reason(const cek_result *result)
{
	return result ? result->reason : CEK_REASON_NONE;
}

uint64_t cek_result_epoch(const cek_result *result)
{
	return result ? result->epoch : 0;
}

struct cek_bytes cek_result_cek(const cek_result *result)
{
	return result ? result->cek : (struct cek_bytes){0};
}

struct cek_bytes cek_result_encrypted_key(const cek_result *result)
{
	return result ? result->encrypted_key : (struct cek_bytes){0};
}

const char *cek_result_kid(const cek_result *result)
{
	return result ? result->kid : NULL;
}

const char *cek_result_key(const cek_result *result)
{
	return result ? result->key : NULL;
}

const char *cek_result_alg(const cek_result *result)
{
	return result ? result->alg : NULL;
}

struct cek_alg_params cek_result_params(const cek_result *result)
{
	return result ? result->params : (struct cek_alg_params){0};
}

bool cek_result_unchanged(const cek_result *result)
{
	return result && result->unchanged;
}

unsigned cek_result_candidates(const cek_result *result)
{
	return result ? result->candidates : 0;
}

struct cek_bytes cek_result_reply(const cek_result *result)
{
	return result ? result->packed : (struct cek_bytes){0};
}

const struct cek_key *cek_result_key_info(const cek_result *result, size_t i)
{
	return result && i < result->described.n_keys ? result->described.keys[i] : NULL;
}

bool cek_result_more(const cek_result *result)
{
	return result && result->described.more;
}

const struct cek_public_key_entry *cek_result_public_key(const cek_result *result, size_t i)
{
	return result && i < result->described.n_public_keys ? result->described.public_keys[i] : NULL;
}

bool cek_result_max_age(const cek_result *result, uint32_t *ret_seconds)
{
	if (!result || !result->described.has_max_age)
		return false;
	*ret_seconds = result->described.max_age;
	return true;
}

const struct cek_daemon *cek_result_daemon(const cek_result *result)
{
	return result ? result->described.daemon : NULL;
}
