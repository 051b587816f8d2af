/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame's body from a peer that may do everything: decoded, authorised and handled by the real broker between stub
 * workers and a stub journal, over a real socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "tests/unit/broker/broker_rig.h"

enum { RECORDS_ENOUGH = RIG_RECORDS_MAX / 2 }; /* then a new journal: inputs make keys */

static struct rig *rig;
static struct rig_client client;

static void start(void)
{
	static const char *const keys[][2] = {{"kw", "A256KW"}, {"gcm", "A128GCMKW"}, {"rsa", "RSA-OAEP"},
		{"ecdh", "ECDH-ES+A128KW"}, {"direct", "ECDH-ES"}};

	rig = malloc(sizeof(*rig));
	rig_init(rig);
	rig_start(rig);
	rig_connect(rig, &client);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		free(rig_create(rig, &client, keys[i][0], keys[i][1]));
}

static void stop(void)
{
	rig_close(&client);
	rig_free(rig);
	free(rig);
	rig = NULL;
}

static void deliver(const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(client.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		rig_run(rig);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[FRAME_HEADER];
	CekReply *reply;
	size_t replies = 0;

	if (size == 0 || size > FRAME_BODY_MAX)
		return 0;
	if (!rig)
		start();
	frame_header(header, size);
	deliver(header, sizeof(header));
	deliver(data, size);
	while ((reply = rig_reply(&client))) {
		if (reply->status == CEK__V1__STATUS__STATUS_UNSPECIFIED)
			abort();
		cek__v1__reply__free_unpacked(reply, NULL);
		replies++;
		rig_run(rig);
	}
	if (replies == 0 || rig->broker.requests.in_use > 0 || rig->broker.turn.arena.used > 0)
		abort(); /* each request is answered, and nothing of it stays */
	if (rig->journal.n_records > RECORDS_ENOUGH)
		stop();
	return 0;
}
