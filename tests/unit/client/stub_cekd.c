/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/stub_cekd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/frame.h"

int stub_setup(void **state)
{
	struct stub *stub = calloc(1, sizeof(*stub));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_non_null(stub);
	strcpy(stub->dir, "/tmp/libcek.XXXXXX");
	assert_non_null(mkdtemp(stub->dir));
	snprintf(stub->path, sizeof(stub->path), "%s/socket", stub->dir);
	strcpy(address.sun_path, stub->path);
	stub->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	stub->peer = -1;
	assert_int_equal(bind(stub->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(stub->listener, 4), 0);
	assert_int_equal(cek_conn_new(stub->path, &stub->conn), CEK_OK);
	*state = stub;
	return 0;
}

int stub_teardown(void **state)
{
	struct stub *stub = *state;

	cek_conn_free(stub->conn);
	stub_hang_up(stub);
	close(stub->listener);
	unlink(stub->path);
	rmdir(stub->dir);
	free(stub);
	return 0;
}

void stub_accept(struct stub *stub)
{
	assert_int_equal(stub->peer, -1);
	stub->peer = accept4(stub->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(stub->peer >= 0);
}

static void read_exactly(int fd, uint8_t *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, data + done, len - done);

		assert_true(n > 0);
		done += (size_t)n;
	}
}

Cek__V1__Request *stub_request(struct stub *stub)
{
	uint8_t header[FRAME_HEADER];
	uint8_t body[FRAME_BODY_MAX];
	Cek__V1__Request *request;
	size_t len;

	if (stub->conn)
		cek_conn_process(stub->conn);
	if (stub->peer < 0)
		stub_accept(stub);
	read_exactly(stub->peer, header, sizeof(header));
	len = (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
	assert_in_range(len, 1, FRAME_BODY_MAX);
	read_exactly(stub->peer, body, len);
	request = cek__v1__request__unpack(NULL, len, body);
	assert_non_null(request);
	return request;
}

uint64_t stub_request_id(struct stub *stub)
{
	Cek__V1__Request *request = stub_request(stub);
	uint64_t id = request->id;

	cek__v1__request__free_unpacked(request, NULL);
	return id;
}

void stub_write(struct stub *stub, const void *data, size_t len)
{
	ssize_t n;

	/* Replies are small enough to be written whole or not at all. */
	while ((n = send(stub->peer, data, len, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0 && errno == EAGAIN)
		cek_conn_process(stub->conn);
	assert_int_equal(n, len);
}

void stub_reply(struct stub *stub, const Cek__V1__Reply *reply)
{
	size_t len = cek__v1__reply__get_packed_size(reply);
	uint8_t *frame = malloc(FRAME_HEADER + len);

	assert_non_null(frame);
	frame_header(frame, len);
	cek__v1__reply__pack(reply, frame + FRAME_HEADER);
	stub_write(stub, frame, FRAME_HEADER + len);
	free(frame);
}

void stub_reply_cek(struct stub *stub, uint64_t id, uint8_t byte, size_t cek_len)
{
	Cek__V1__UnwrapReply unwrap = CEK__V1__UNWRAP_REPLY__INIT;
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;
	char kid[] = "kid-1", key[] = "api";
	uint8_t cek[128];

	assert_true(cek_len <= sizeof(cek));
	memset(cek, byte, sizeof(cek));
	unwrap.cek = (ProtobufCBinaryData){cek_len, cek};
	unwrap.kid = kid;
	unwrap.key = key;
	reply.id = id;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = 7;
	reply.result_case = CEK__V1__REPLY__RESULT_UNWRAP;
	reply.unwrap = &unwrap;
	stub_reply(stub, &reply);
}

void stub_reply_status(struct stub *stub, uint64_t id, Cek__V1__Status status, const char *message)
{
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;

	reply.id = id;
	reply.status = status;
	reply.message = (char *)(uintptr_t)message;
	stub_reply(stub, &reply);
}

void stub_reply_epoch(struct stub *stub, uint64_t id, uint64_t epoch)
{
	Cek__V1__WatchReply watch = CEK__V1__WATCH_REPLY__INIT;
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;

	watch.epoch = epoch;
	reply.id = id;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = epoch;
	reply.result_case = CEK__V1__REPLY__RESULT_WATCH;
	reply.watch = &watch;
	stub_reply(stub, &reply);
}

void stub_hang_up(struct stub *stub)
{
	if (stub->peer >= 0)
		close(stub->peer);
	stub->peer = -1;
}

void seen_callback(cek_call *call, cek_result *result, void *userdata)
{
	struct seen *seen = userdata;

	seen->error = errno;
	seen->count++;
	seen->status = cek_result_status(result);
	seen->epoch = cek_result_epoch(result);
	cek_result_free(seen->kept);
	seen->kept = cek_result_keep(result);
}

void seen_free(struct seen *seen)
{
	seen->kept = cek_result_free(seen->kept);
}

cek_call *stub_unwrap(struct stub *stub, int timeout_ms, cek_callback *callback, void *userdata)
{
	const struct cek_unwrap args = {
		.kid = "kid-1",
		.alg = "A256KW",
		.enc = "A256GCM",
		.encrypted_key = {"0123456789", 10},
	};
	cek_call *call = NULL;

	assert_int_equal(cek_unwrap_start(stub->conn, &args, timeout_ms, callback, userdata, &call), CEK_OK);
	assert_non_null(call);
	return call;
}
