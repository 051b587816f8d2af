#include <stdbool.h>
#include <string.h>

#include "daemon/broker/pack.h"

enum {
	NUMBER_MAX = 10,        /* bytes of a varint */
	FIELD_MAX = 2 + 5,      /* bytes of a tag of these messages and a length */
	TYPE_NUMBER = 0,
	TYPE_LENGTH = 2,
};

struct out {
	uint8_t *at;
	size_t room;
	bool full;
};

static uint8_t *put_number(uint8_t *to, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (uint8_t)(value | 0x80);
	*to++ = (uint8_t)value;
	return to;
}

static bool has_room(struct out *out, size_t len)
{
	if (len > out->room)
		out->full = true;
	return !out->full;
}

static void advance(struct out *out, uint8_t *to)
{
	out->room -= (size_t)(to - out->at);
	out->at = to;
}

static void add_number(struct out *out, unsigned field, uint64_t value)
{
	if (value != 0 && has_room(out, FIELD_MAX + NUMBER_MAX))
		advance(out, put_number(put_number(out->at, field << 3 | TYPE_NUMBER), value));
}

static void add_data(struct out *out, unsigned field, const void *data, size_t len)
{
	uint8_t *to;

	if (len == 0 || !has_room(out, FIELD_MAX + len))
		return;
	to = put_number(put_number(out->at, field << 3 | TYPE_LENGTH), len);
	memcpy(to, data, len);
	advance(out, to + len);
}

static void add_text(struct out *out, unsigned field, const char *text)
{
	add_data(out, field, text, text ? strlen(text) : 0);
}

static void add_bytes(struct out *out, unsigned field, const ProtobufCBinaryData *bytes)
{
	add_data(out, field, bytes->data, bytes->len);
}

/* A message in a message: tag, room for a length of one byte, then what is added until end(), which is moved up if the
 * length turns out to need more. */
static uint8_t *begin(struct out *out, unsigned field)
{
	if (has_room(out, FIELD_MAX))
		advance(out, put_number(out->at, field << 3 | TYPE_LENGTH) + 1);
	return out->at;
}

static void end(struct out *out, uint8_t *body)
{
	size_t len = (size_t)(out->at - body), more = len < 1 << 7 ? 0 : len < 1 << 14 ? 1 : 2;

	if (!has_room(out, more))
		return;
	if (more > 0)
		memmove(body + more, body, len);
	put_number(body - 1, len);
	advance(out, out->at + more);
}

static size_t finish(const struct out *out, const uint8_t *start)
{
	return out->full ? 0 : (size_t)(out->at - start);
}

/* ---- parts --------------------------------------------------------------------------------------------------- */

static void add_public_key(struct out *out, unsigned field, const PublicKey *key)
{
	uint8_t *body;

	if (!key)
		return;
	body = begin(out, field);
	add_text(out, 1, key->kty);
	add_bytes(out, 2, &key->n);
	add_bytes(out, 3, &key->e);
	add_text(out, 4, key->crv);
	add_bytes(out, 5, &key->x);
	add_bytes(out, 6, &key->y);
	end(out, body);
}

static void add_params(struct out *out, unsigned field, const AlgParams *params)
{
	uint8_t *body;

	if (!params)
		return;
	body = begin(out, field);
	add_public_key(out, 1, params->epk);
	add_bytes(out, 2, &params->apu);
	add_bytes(out, 3, &params->apv);
	add_bytes(out, 4, &params->iv);
	add_bytes(out, 5, &params->tag);
	end(out, body);
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

static void add_unwrap_job(struct out *out, unsigned field, const Cek__Internal__V1__UnwrapJob *job)
{
	uint8_t *body = begin(out, field);

	add_bytes(out, 1, &job->cka_id);
	add_text(out, 2, job->alg);
	add_number(out, 3, job->cek_len);
	add_bytes(out, 4, &job->encrypted_key);
	add_params(out, 5, job->params);
	add_text(out, 6, job->enc);
	end(out, body);
}

static void add_wrap_job(struct out *out, unsigned field, const Cek__Internal__V1__WrapJob *job)
{
	uint8_t *body = begin(out, field);

	add_bytes(out, 1, &job->cka_id);
	add_text(out, 2, job->alg);
	add_bytes(out, 3, &job->cek);
	add_number(out, 4, job->cek_len);
	add_params(out, 5, job->params);
	add_text(out, 6, job->enc);
	add_public_key(out, 7, job->public_key);
	end(out, body);
}

static void add_rewrap_job(struct out *out, unsigned field, const Cek__Internal__V1__RewrapJob *job)
{
	uint8_t *body = begin(out, field);

	if (job->from)
		add_unwrap_job(out, 1, job->from);
	if (job->to)
		add_wrap_job(out, 2, job->to);
	end(out, body);
}

size_t pack_job(const Job *job, uint8_t *to, size_t size)
{
	struct out out = {.at = to, .room = size};

	add_number(&out, 1, job->id);
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_UNWRAP:
		add_unwrap_job(&out, CEK__INTERNAL__V1__JOB__OP_UNWRAP, job->unwrap);
		break;
	case CEK__INTERNAL__V1__JOB__OP_WRAP:
		add_wrap_job(&out, CEK__INTERNAL__V1__JOB__OP_WRAP, job->wrap);
		break;
	case CEK__INTERNAL__V1__JOB__OP_REWRAP:
		add_rewrap_job(&out, CEK__INTERNAL__V1__JOB__OP_REWRAP, job->rewrap);
		break;
	default:
		return 0;
	}
	return finish(&out, to);
}

/* ---- replies ------------------------------------------------------------------------------------------------- */

static void add_unwrap_reply(struct out *out, unsigned field, const Cek__V1__UnwrapReply *reply)
{
	uint8_t *body = begin(out, field);

	add_bytes(out, 1, &reply->cek);
	add_text(out, 2, reply->kid);
	add_text(out, 3, reply->key);
	add_number(out, 4, reply->candidates);
	end(out, body);
}

static void add_wrap_reply(struct out *out, unsigned field, const Cek__V1__WrapReply *reply)
{
	uint8_t *body = begin(out, field);

	add_bytes(out, 1, &reply->encrypted_key);
	add_text(out, 2, reply->kid);
	add_text(out, 3, reply->alg);
	add_params(out, 4, reply->params);
	end(out, body);
}

static void add_generate_reply(struct out *out, unsigned field, const Cek__V1__GenerateCekReply *reply)
{
	uint8_t *body = begin(out, field);

	add_bytes(out, 1, &reply->cek);
	add_bytes(out, 2, &reply->encrypted_key);
	add_text(out, 3, reply->kid);
	add_text(out, 4, reply->alg);
	add_params(out, 5, reply->params);
	end(out, body);
}

static void add_rewrap_reply(struct out *out, unsigned field, const Cek__V1__RewrapReply *reply)
{
	uint8_t *body = begin(out, field);

	add_bytes(out, 1, &reply->encrypted_key);
	add_text(out, 2, reply->kid);
	add_text(out, 3, reply->alg);
	add_params(out, 4, reply->params);
	add_number(out, 5, reply->unchanged != 0);
	end(out, body);
}

size_t pack_reply(const CekReply *reply, uint8_t *to, size_t size)
{
	struct out out = {.at = to, .room = size};

	add_number(&out, 1, reply->id);
	add_number(&out, 2, reply->status);
	add_number(&out, 3, reply->epoch);
	add_text(&out, 4, reply->message);
	switch (reply->result_case) {
	case CEK__V1__REPLY__RESULT__NOT_SET:
		break;
	case CEK__V1__REPLY__RESULT_UNWRAP:
		add_unwrap_reply(&out, CEK__V1__REPLY__RESULT_UNWRAP, reply->unwrap);
		break;
	case CEK__V1__REPLY__RESULT_WRAP:
		add_wrap_reply(&out, CEK__V1__REPLY__RESULT_WRAP, reply->wrap);
		break;
	case CEK__V1__REPLY__RESULT_GENERATE_CEK:
		add_generate_reply(&out, CEK__V1__REPLY__RESULT_GENERATE_CEK, reply->generate_cek);
		break;
	case CEK__V1__REPLY__RESULT_REWRAP:
		add_rewrap_reply(&out, CEK__V1__REPLY__RESULT_REWRAP, reply->rewrap);
		break;
	default:
		return 0;
	}
	return finish(&out, to);
}

/* ---- audit --------------------------------------------------------------------------------------------------- */

size_t pack_audit(const AuditRecord *record, uint8_t *to, size_t size)
{
	struct out out = {.at = to, .room = size};

	add_number(&out, 1, record->n);
	add_number(&out, 2, record->time);
	add_text(&out, 3, record->listener);
	add_number(&out, 4, record->uid);
	add_number(&out, 5, record->pid);
	add_text(&out, 6, record->op);
	add_text(&out, 7, record->key);
	add_text(&out, 8, record->kid);
	add_text(&out, 9, record->alg);
	add_text(&out, 10, record->status);
	add_bytes(&out, 11, &record->encrypted_key);
	add_text(&out, 12, record->detail);
	add_number(&out, 13, record->epoch);
	return finish(&out, to);
}
