/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h, calls on CEKs: arguments to Request (cek.proto). */
#include <stdbool.h>

#include "client/ask.h"
#include "client/wire.h"
#include "proto/alg.h"
#include "proto/frame.h"

/* Far beyond any real value the sum of lengths could overflow. */
static bool bytes_valid(struct cek_bytes bytes)
{
	return (bytes.data || bytes.len == 0) && bytes.len <= FRAME_BODY_MAX;
}

static bool params_valid(const struct cek_alg_params *args)
{
	const struct cek_public_key *epk = &args->epk;

	return bytes_valid(epk->n) && bytes_valid(epk->e) && bytes_valid(epk->x) && bytes_valid(epk->y) &&
		bytes_valid(args->apu) && bytes_valid(args->apv) && bytes_valid(args->iv) && bytes_valid(args->tag);
}

static Cek__V1__PublicKey *epk_fill(Cek__V1__PublicKey *to, const struct cek_public_key *from)
{
	cek__v1__public_key__init(to);
	to->kty = pack_text(from->kty);
	to->n = pack_bytes(from->n);
	to->e = pack_bytes(from->e);
	to->crv = pack_text(from->crv);
	to->x = pack_bytes(from->x);
	to->y = pack_bytes(from->y);
	return to;
}

/* NULL if there are none. */
static Cek__V1__AlgParams *params_fill(struct request *request, const struct cek_alg_params *args)
{
	Cek__V1__AlgParams *params = &request->params;

	if (!args->epk.kty && args->apu.len == 0 && args->apv.len == 0 && args->iv.len == 0 && args->tag.len == 0)
		return NULL;
	cek__v1__alg_params__init(params);
	params->apu = pack_bytes(args->apu);
	params->apv = pack_bytes(args->apv);
	params->iv = pack_bytes(args->iv);
	params->tag = pack_bytes(args->tag);
	if (args->epk.kty)
		params->epk = epk_fill(&request->epk, &args->epk);
	return params;
}

static bool unwrap_valid(const struct cek_unwrap *args)
{
	return args && (ask_given(args->kid) || ask_given(args->key)) && ask_given(args->alg) && ask_given(args->enc) &&
		bytes_valid(args->encrypted_key) && params_valid(&args->params);
}

/* What the answer's CEK must be as long as; 0 for an enc that this library does not know: cekd will say so. */
static unsigned cek_len(const char *name)
{
	const struct enc *enc = enc_find(name);

	return enc ? enc->cek_len : 0;
}

static int fill_unwrap(struct request *request, const void *arguments)
{
	const struct cek_unwrap *args = arguments;
	Cek__V1__UnwrapRequest *body = &request->body.unwrap;

	if (!unwrap_valid(args))
		return CEK_E_INVALID;
	cek__v1__unwrap_request__init(body);
	body->kid = pack_text(args->kid);
	body->key = pack_text(args->key);
	body->alg = pack_text(args->alg);
	body->enc = pack_text(args->enc);
	body->encrypted_key = pack_bytes(args->encrypted_key);
	body->params = params_fill(request, &args->params);
	body->candidate = args->candidate;
	request->message.unwrap = body;
	request->cek_len = cek_len(args->enc);
	return ask_for(request, CEK__V1__REQUEST__OP_UNWRAP, CALL_UNWRAP);
}

static int fill_generate(struct request *request, const struct cek_wrap *args, Cek__V1__AlgParams *params)
{
	Cek__V1__GenerateCekRequest *body = &request->body.generate_cek;

	cek__v1__generate_cek_request__init(body);
	body->key = pack_text(args->key);
	body->enc = pack_text(args->enc);
	body->params = params;
	request->message.generate_cek = body;
	request->cek_len = cek_len(args->enc);
	return ask_for(request, CEK__V1__REQUEST__OP_GENERATE_CEK, CALL_GENERATE);
}

static int fill_wrap(struct request *request, const void *arguments)
{
	const struct cek_wrap *args = arguments;
	Cek__V1__WrapRequest *body = &request->body.wrap;
	Cek__V1__AlgParams *params;

	if (!args || !ask_given(args->key) || !ask_given(args->enc) || !bytes_valid(args->cek) ||
		!bytes_valid(args->apu) || !bytes_valid(args->apv))
		return CEK_E_INVALID;
	params = params_fill(request, &(struct cek_alg_params){.apu = args->apu, .apv = args->apv});
	if (args->cek.len == 0)
		return fill_generate(request, args, params);
	cek__v1__wrap_request__init(body);
	body->key = pack_text(args->key);
	body->enc = pack_text(args->enc);
	body->cek = pack_bytes(args->cek);
	body->params = params;
	request->message.wrap = body;
	return ask_for(request, CEK__V1__REQUEST__OP_WRAP, CALL_WRAP);
}

static int fill_rewrap(struct request *request, const void *arguments)
{
	const struct cek_rewrap *args = arguments;
	Cek__V1__RewrapRequest *body = &request->body.rewrap;

	if (!args || !unwrap_valid(&args->from) || args->from.candidate != 0)
		return CEK_E_INVALID;
	cek__v1__rewrap_request__init(body);
	body->kid = pack_text(args->from.kid);
	body->key = pack_text(args->from.key);
	body->alg = pack_text(args->from.alg);
	body->enc = pack_text(args->from.enc);
	body->encrypted_key = pack_bytes(args->from.encrypted_key);
	body->params = params_fill(request, &args->from.params);
	body->to_key = pack_text(args->to_key);
	request->message.rewrap = body;
	return ask_for(request, CEK__V1__REQUEST__OP_REWRAP, CALL_REWRAP);
}

static int fill_packed(struct request *request, const void *arguments)
{
	const struct cek_bytes *args = arguments;
	uint64_t id;

	if (!args->data || args->len == 0 || !wire_scan(args->data, args->len, &id))
		return CEK_E_INVALID;
	request->packed = *args;
	return ask_for(request, (Cek__V1__Request__OpCase)wire_op(args->data, args->len), CALL_ANY);
}

int cek_unwrap_start(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_unwrap, args, timeout_ms, callback, userdata, ret_call);
}

int cek_unwrap(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_unwrap, args, timeout_ms, ret_result);
}

int cek_wrap_start(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	return ask_start(conn, fill_wrap, args, timeout_ms, callback, userdata, ret_call);
}

int cek_wrap(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_wrap, args, timeout_ms, ret_result);
}

int cek_rewrap_start(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_rewrap, args, timeout_ms, callback, userdata, ret_call);
}

int cek_rewrap(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_rewrap, args, timeout_ms, ret_result);
}

int cek_request_start(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	const struct cek_bytes packed = {request, len};

	return ask_start(conn, fill_packed, &packed, timeout_ms, callback, userdata, ret_call);
}

int cek_request(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_result **ret_result)
{
	const struct cek_bytes packed = {request, len};

	return ask_wait(conn, fill_packed, &packed, timeout_ms, ret_result);
}
