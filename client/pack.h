/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request before it is packed: a Request of cek.proto, or one that the caller packed, and what is expected of the
 * answer. Nothing that it points to is copied before it is packed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cek.pb-c.h"
#include "client/cek.h"
#include "client/kind.h"

struct pages;

/* One of these is what the message's op points to. */
union request_body {
	Cek__V1__UnwrapRequest unwrap;
	Cek__V1__WrapRequest wrap;
	Cek__V1__GenerateCekRequest generate_cek;
	Cek__V1__RewrapRequest rewrap;
	Cek__V1__CreateKeyRequest create_key;
	Cek__V1__RotateKeyRequest rotate_key;
	Cek__V1__SetKeyStateRequest set_key_state;
	Cek__V1__DestroyVersionRequest destroy_version;
	Cek__V1__DescribeKeyRequest describe_key;
	Cek__V1__ListKeysRequest list_keys;
	Cek__V1__GetPublicKeysRequest get_public_keys;
	Cek__V1__StatusRequest status;
	Cek__V1__WatchRequest watch;
};

struct request {
	Cek__V1__Request message;
	union request_body body;
	Cek__V1__AlgParams params; /* what the body's params point to */
	Cek__V1__PublicKey epk;
	struct cek_bytes packed; /* instead of the message */
	enum call_kind kind;
	unsigned cek_len;
	bool again;          /* it may be carried out twice */
	struct pages *pages; /* the answer comes in these; the call's, once it is started */
};

/* Bytes of the body with this id and deadline (0 = none), and then the body itself. */
size_t pack_size(struct request *request, uint64_t id, uint32_t deadline_ms);
void pack_write(const struct request *request, uint8_t *body);

/* A text or octets for protobuf-c, which writes to none of them; NULL becomes "". */
char *pack_text(const char *text);
ProtobufCBinaryData pack_bytes(struct cek_bytes bytes);
