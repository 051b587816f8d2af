#include "daemon/broker/base/pack.h"
#include "daemon/broker/request/pack_reply.h"
#include "proto/put.h"

static void add_unwrap_reply(struct put *out, unsigned field, const Cek__V1__UnwrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->cek);
	put_text(out, 2, reply->kid);
	put_text(out, 3, reply->key);
	put_number(out, 4, reply->candidates);
	put_end(out, body);
}

static void add_wrap_reply(struct put *out, unsigned field, const Cek__V1__WrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->encrypted_key);
	put_text(out, 2, reply->kid);
	put_text(out, 3, reply->alg);
	pack_params(out, 4, reply->params);
	put_end(out, body);
}

static void add_generate_reply(struct put *out, unsigned field, const Cek__V1__GenerateCekReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->cek);
	put_bytes(out, 2, &reply->encrypted_key);
	put_text(out, 3, reply->kid);
	put_text(out, 4, reply->alg);
	pack_params(out, 5, reply->params);
	put_end(out, body);
}

static void add_rewrap_reply(struct put *out, unsigned field, const Cek__V1__RewrapReply *reply)
{
	uint8_t *body = put_begin(out, field);

	put_bytes(out, 1, &reply->encrypted_key);
	put_text(out, 2, reply->kid);
	put_text(out, 3, reply->alg);
	pack_params(out, 4, reply->params);
	put_number(out, 5, reply->unchanged != 0);
	put_end(out, body);
}

size_t pack_reply(const CekReply *reply, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, 1, reply->id);
	put_number(&out, 2, reply->status);
	put_number(&out, 3, reply->epoch);
	put_text(&out, 4, reply->message);
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
