/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/request/pack_reply.h"
#include "daemon/broker/base/pack.h"
#include "proto/fields.h"
#include "proto/put.h"

static void add_unwrap_reply(struct put *out, unsigned field, const Cek__V1__UnwrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, FIELD_UNWRAP_REPLY_CEK, &reply->cek);
	put_text(out, FIELD_UNWRAP_REPLY_KID, reply->kid);
	put_text(out, FIELD_UNWRAP_REPLY_KEY, reply->key);
	put_number(out, FIELD_UNWRAP_REPLY_CANDIDATES, reply->candidates);
	put_end(out, body);
}

static void add_wrap_reply(struct put *out, unsigned field, const Cek__V1__WrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, FIELD_WRAP_REPLY_ENCRYPTED_KEY, &reply->encrypted_key);
	put_text(out, FIELD_WRAP_REPLY_KID, reply->kid);
	put_text(out, FIELD_WRAP_REPLY_ALG, reply->alg);
	pack_params(out, FIELD_WRAP_REPLY_PARAMS, reply->params);
	put_end(out, body);
}

static void add_generate_reply(struct put *out, unsigned field, const Cek__V1__GenerateCekReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, FIELD_GENERATE_CEK_REPLY_CEK, &reply->cek);
	put_bytes(out, FIELD_GENERATE_CEK_REPLY_ENCRYPTED_KEY, &reply->encrypted_key);
	put_text(out, FIELD_GENERATE_CEK_REPLY_KID, reply->kid);
	put_text(out, FIELD_GENERATE_CEK_REPLY_ALG, reply->alg);
	pack_params(out, FIELD_GENERATE_CEK_REPLY_PARAMS, reply->params);
	put_end(out, body);
}

static void add_rewrap_reply(struct put *out, unsigned field, const Cek__V1__RewrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, FIELD_REWRAP_REPLY_ENCRYPTED_KEY, &reply->encrypted_key);
	put_text(out, FIELD_REWRAP_REPLY_KID, reply->kid);
	put_text(out, FIELD_REWRAP_REPLY_ALG, reply->alg);
	pack_params(out, FIELD_REWRAP_REPLY_PARAMS, reply->params);
	put_number(out, FIELD_REWRAP_REPLY_UNCHANGED, reply->unchanged != 0);
	put_end(out, body);
}

size_t pack_reply(const CekReply *reply, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, FIELD_REPLY_ID, reply->id);
	put_number(&out, FIELD_REPLY_STATUS, reply->status);
	put_number(&out, FIELD_REPLY_EPOCH, reply->epoch);
	put_text(&out, FIELD_REPLY_MESSAGE, reply->message);
	put_number(&out, FIELD_REPLY_REASON, reply->reason);
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
	return put_finish(&out, to);
}
