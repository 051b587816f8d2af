/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input of a stateful fuzzer, read as a script: what happens next, and the messages that one of cekd's processes
 * sends another. A message is made by its descriptor, field by field, so that most of them are messages; the numbers in
 * it are small ones, great ones, or such that the other side has used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { SCRIPT_KNOWN = 16, SCRIPT_MESSAGE_MAX = 4096 };

struct script {
	const uint8_t *at;
	size_t left;
	uint64_t known[SCRIPT_KNOWN]; /* numbers of jobs and questions, the last ones */
	unsigned n_known;
};

/* The next octet; 0 at the end. */
uint8_t script_next(struct script *script);

/* The other side has used it: "id" in a message may be it. */
void script_know(struct script *script, uint64_t number);

/* A message of this kind into to[SCRIPT_MESSAGE_MAX]. Returns its length. */
size_t script_message(struct script *script, const ProtobufCMessageDescriptor *message, uint8_t *to);

/* One whose oneof has the member number, or if that has none, the octets of the script as they are. */
size_t script_outer(struct script *script, const ProtobufCMessageDescriptor *message, unsigned number, uint8_t *to);

/* Send that on a socket that does not wait, with so many descriptors of no use. Returns its length, 0: it was not
 * sent. */
size_t script_send(struct script *script, int fd, const ProtobufCMessageDescriptor *message, unsigned number,
	unsigned n_fds);
