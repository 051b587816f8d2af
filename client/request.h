/*
 * A request before it is packed: a Request of cek.proto, or one that the caller packed, and what is expected of the
 * answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cek.pb-c.h"
#include "client/cek.h"
#include "client/conn.h"

struct pages;

struct request {
	Cek__V1__Request *message; /* NULL: packed */
	struct cek_bytes packed;
	uint64_t id; /* of a packed one */
	uint32_t deadline_ms;
	enum call_kind kind;
	unsigned cek_len;
	struct pages *pages; /* the answer comes in these; the call's, once it is started */
};

/* Bytes of the body with this id and deadline (0 = none), and the body itself. */
size_t request_size(struct request *request, uint64_t id, uint32_t deadline_ms);
void request_pack(struct request *request, uint8_t *body);

/* A text for protobuf-c, which writes to none of them; NULL becomes "". */
char *request_text(const char *text);
