/* cek.h, calls on CEKs: arguments to Request (cek.proto). Nothing is copied before it is packed into the output. */
#include "client/request.h"

#include <string.h>

#include "client/wire.h"
#include "proto/alg.h"
#include "proto/frame.h"

size_t request_size(struct request *request, uint64_t id, uint32_t deadline_ms)
{
	uint8_t tail[2 * WIRE_VARINT_FIELD_MAX];
	size_t len;

	if (request->message) {
		request->message->id = id;
		request->message->deadline_ms = deadline_ms;
		return cek__v1__request__get_packed_size(request->message);
	}
	request->id = id;
	request->deadline_ms = deadline_ms;
	len = wire_put_varint(tail, WIRE_FIELD_ID, id);
	if (deadline_ms > 0)
		len += wire_put_varint(tail, WIRE_FIELD_DEADLINE, deadline_ms);
	return request->packed.len + len;
}

/* A field that comes twice counts as its last value (protobuf encoding): that is how a packed request gets its id. */
void request_pack(struct request *request, uint8_t *body)
{
	if (request->message) {
		cek__v1__request__pack(request->message, body);
		return;
	}
	memcpy(body, request->packed.data, request->packed.len);
	body += request->packed.len;
	body += wire_put_varint(body, WIRE_FIELD_ID, request->id);
	if (request->deadline_ms > 0)
		wire_put_varint(body, WIRE_FIELD_DEADLINE, request->deadline_ms);
}

char *request_text(const char *text)
{
	return (char *)(uintptr_t)(text ? text : protobuf_c_empty_string);
}

static ProtobufCBinaryData request_bytes(struct cek_bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)(uintptr_t)bytes.data };
}

/* Far beyond any real value the sum of lengths could overflow. */
static bool bytes_valid(struct cek_bytes bytes)
{
	return (bytes.data || bytes.len == 0) && bytes.len <= FRAME_BODY_MAX;
}

static bool given(const char *text)
{
	return text && text[0] != '\0';
}

/* The message of a struct cek_alg_params, with room for what it points to. */
struct params {
	Cek__V1__AlgParams message;
	Cek__V1__PublicKey epk;
};

static bool params_valid(const struct cek_alg_params *args)
{
	const struct cek_public_key *epk = &args->epk;

	return bytes_valid(epk->n) && bytes_valid(epk->e) && bytes_valid(epk->x) && bytes_valid(epk->y) &&
		bytes_valid(args->apu) && bytes_valid(args->apv) && bytes_valid(args->iv) && bytes_valid(args->tag);
}

/* NULL if there are none. */
static Cek__V1__AlgParams *params_fill(struct params *params, const struct cek_alg_params *args)
{
	const struct cek_public_key *epk = &args->epk;

	if (!epk->kty && args->apu.len == 0 && args->apv.len == 0 && args->iv.len == 0 && args->tag.len == 0)
		return NULL;
	cek__v1__alg_params__init(&params->message);
	params->message.apu = request_bytes(args->apu);
	params->message.apv = request_bytes(args->apv);
	params->message.iv = request_bytes(args->iv);
	params->message.tag = request_bytes(args->tag);
	if (!epk->kty)
		return &params->message;
	cek__v1__public_key__init(&params->epk);
	params->epk.kty = request_text(epk->kty);
	params->epk.n = request_bytes(epk->n);
	params->epk.e = request_bytes(epk->e);
	params->epk.crv = request_text(epk->crv);
	params->epk.x = request_bytes(epk->x);
	params->epk.y = request_bytes(epk->y);
	params->message.epk = &params->epk;
	return &params->message;
}

static bool unwrap_valid(const struct cek_unwrap *args)
{
	return args && (given(args->kid) || given(args->key)) && given(args->alg) && given(args->enc) &&
		bytes_valid(args->encrypted_key) && params_valid(&args->params);
}

/* What the answer's CEK must be as long as; 0 for an enc that this library does not know: cekd will say so. */
static unsigned cek_len(const char *name)
{
	const struct enc *enc = enc_find(name);

	return enc ? enc->cek_len : 0;
}

int cek_unwrap_start(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__UnwrapRequest unwrap = CEK__V1__UNWRAP_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_UNWRAP };
	struct params params;

	if (!unwrap_valid(args))
		return CEK_E_INVALID;
	unwrap.kid = request_text(args->kid);
	unwrap.key = request_text(args->key);
	unwrap.alg = request_text(args->alg);
	unwrap.enc = request_text(args->enc);
	unwrap.encrypted_key = request_bytes(args->encrypted_key);
	unwrap.params = params_fill(&params, &args->params);
	unwrap.candidate = args->candidate;
	message.op_case = CEK__V1__REQUEST__OP_UNWRAP;
	message.unwrap = &unwrap;
	request.cek_len = cek_len(args->enc);
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

static int generate_start(cek_conn *conn, const struct cek_wrap *args, Cek__V1__AlgParams *params, int timeout_ms,
	cek_callback *callback, void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__GenerateCekRequest generate = CEK__V1__GENERATE_CEK_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_GENERATE, .cek_len = cek_len(args->enc) };

	generate.key = request_text(args->key);
	generate.enc = request_text(args->enc);
	generate.params = params;
	message.op_case = CEK__V1__REQUEST__OP_GENERATE_CEK;
	message.generate_cek = &generate;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_wrap_start(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__WrapRequest wrap = CEK__V1__WRAP_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_WRAP };
	Cek__V1__AlgParams *header;
	struct params params;

	if (!args || !given(args->key) || !given(args->enc) || !bytes_valid(args->cek) || !bytes_valid(args->apu) ||
	    !bytes_valid(args->apv))
		return CEK_E_INVALID;
	header = params_fill(&params, &(struct cek_alg_params){ .apu = args->apu, .apv = args->apv });
	if (args->cek.len == 0)
		return generate_start(conn, args, header, timeout_ms, callback, userdata, ret_call);
	wrap.key = request_text(args->key);
	wrap.enc = request_text(args->enc);
	wrap.cek = request_bytes(args->cek);
	wrap.params = header;
	message.op_case = CEK__V1__REQUEST__OP_WRAP;
	message.wrap = &wrap;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_rewrap_start(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__RewrapRequest rewrap = CEK__V1__REWRAP_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_REWRAP };
	struct params params;

	if (!args || !unwrap_valid(&args->from) || args->from.candidate != 0)
		return CEK_E_INVALID;
	rewrap.kid = request_text(args->from.kid);
	rewrap.key = request_text(args->from.key);
	rewrap.alg = request_text(args->from.alg);
	rewrap.enc = request_text(args->from.enc);
	rewrap.encrypted_key = request_bytes(args->from.encrypted_key);
	rewrap.params = params_fill(&params, &args->from.params);
	rewrap.to_key = request_text(args->to_key);
	message.op_case = CEK__V1__REQUEST__OP_REWRAP;
	message.rewrap = &rewrap;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_request_start(cek_conn *conn, const void *packed, size_t len, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	struct request request = { .packed = { packed, len }, .kind = CALL_ANY };
	uint64_t id;

	if (!packed || len == 0 || !wire_scan(packed, len, &id))
		return CEK_E_INVALID;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}
