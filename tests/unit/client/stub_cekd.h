/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of libcek's unit tests: a listening socket in a folder of its own, and a peer that the test itself
 * moves, in the same thread: it reads what the connection has written and writes what the connection shall read.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cek.h"
#include "proto/cek.pb-c.h"

struct stub {
	char dir[32];
	char path[64];
	int listener;
	int peer; /* -1 = nobody accepted */
	cek_conn *conn;
};

/* What callbacks with a struct seen as userdata have told. */
struct seen {
	unsigned count;
	int status;
	int error; /* errno inside the callback */
	uint64_t epoch;
	cek_result *kept; /* of the latest; freed by seen_free() */
};

/* cmocka fixtures: *state is a struct stub with a connection to it. */
int stub_setup(void **state);
int stub_teardown(void **state);

void stub_accept(struct stub *stub);

/* Turn the connection, accept it if need be, and read one request, which the caller frees with free_unpacked. */
Cek__V1__Request *stub_request(struct stub *stub);

/* The id of the next request. */
uint64_t stub_request_id(struct stub *stub);

/* Write bytes, or one reply in a frame; where the socket is full, the connection is turned until there is room. */
void stub_write(struct stub *stub, const void *data, size_t len);
void stub_reply(struct stub *stub, const Cek__V1__Reply *reply);

/* The reply to an unwrap: a CEK of cek_len bytes of value byte. */
void stub_reply_cek(struct stub *stub, uint64_t id, uint8_t byte, size_t cek_len);

/* A reply without result. */
void stub_reply_status(struct stub *stub, uint64_t id, Cek__V1__Status status, const char *message);
void stub_reply_epoch(struct stub *stub, uint64_t id, uint64_t epoch);

void stub_hang_up(struct stub *stub);

cek_callback seen_callback;
void seen_free(struct seen *seen);

/* Start an unwrap with enc A256GCM. */
cek_call *stub_unwrap(struct stub *stub, int timeout_ms, cek_callback *callback, void *userdata);
