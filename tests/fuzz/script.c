/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/script.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum {
	DEPTH_MAX = 3, /* of messages in messages */
	FIELDS_MAX = 7,
	INNER_MAX = 1024, /* bytes of a message in another */
	FDS_MAX = 4,
};

static const char *const words[] = {"", "open", "intent", "version", "state", "alias", "abandoned", "schedule", "usage",
	"reserve", "missing", "found", "clock", "rules", "restored", "add", "remove", "create", "rotate", "destroy",
	"k", "l", "kid", "A256KW", "RSA-OAEP-256", "script", "other", "RSA", "1:00", "unwrap", "OK", "\xff\n\x1b"};

uint8_t script_next(struct script *script)
{
	return script->left > 0 ? (script->left--, *script->at++) : 0;
}

void script_know(struct script *script, uint64_t number)
{
	script->known[script->n_known++ % SCRIPT_KNOWN] = number;
}

static size_t put_number(uint8_t *to, uint64_t number)
{
	size_t n = 0;

	for (; number >= 0x80; number >>= 7)
		to[n++] = (uint8_t)(number | 0x80);
	to[n++] = (uint8_t)number;
	return n;
}

static uint64_t number(struct script *script, const char *name)
{
	const uint8_t what = script_next(script);
	const unsigned n = script->n_known < SCRIPT_KNOWN ? script->n_known : SCRIPT_KNOWN;

	if (what >= 0xf8)
		return UINT64_MAX >> (what & 7) * 9;
	if (strcmp(name, "id") == 0 && what < 0xc0 && n > 0)
		return script->known[(script->n_known - 1 - what % n) % SCRIPT_KNOWN];
	return what % 64;
}

/* Text and octets: a word or a run, as long as the script says. */
static size_t put_octets(struct script *script, uint8_t *to, size_t room)
{
	static const uint8_t run[256] = {1, 2, 3};
	const uint8_t what = script_next(script);
	const uint8_t *octets = run;
	size_t len = what, head;

	if (what < sizeof(words) / sizeof(words[0])) {
		octets = (const uint8_t *)words[what];
		len = strlen(words[what]);
	}
	if (len + 4 > room)
		len = 0;
	head = put_number(to, len);
	memcpy(to + head, octets, len);
	return head + len;
}

static size_t put_message(struct script *script, const ProtobufCMessageDescriptor *message, unsigned depth, uint8_t *to,
	size_t size);

static size_t put_inner(struct script *script, const ProtobufCFieldDescriptor *field, unsigned depth, uint8_t *to,
	size_t room)
{
	uint8_t inner[INNER_MAX];
	size_t len = depth > 0 ? put_message(script, field->descriptor, depth - 1, inner, sizeof(inner)) : 0, head;

	if (len + 4 > room)
		len = 0;
	head = put_number(to, len);
	memcpy(to + head, inner, len);
	return head + len;
}

static size_t put_field(struct script *script, const ProtobufCFieldDescriptor *field, unsigned depth, uint8_t *to,
	size_t room)
{
	const bool packed = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING ||
		field->type == PROTOBUF_C_TYPE_BYTES;
	size_t head = put_number(to, field->id << 3 | (packed ? 2 : 0));

	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return head + put_inner(script, field, depth, to + head, room - head);
	if (packed)
		return head + put_octets(script, to + head, room - head);
	return head + put_number(to + head, number(script, field->name));
}

static size_t put_message(struct script *script, const ProtobufCMessageDescriptor *message, unsigned depth, uint8_t *to,
	size_t size)
{
	unsigned n = message->n_fields > 0 ? script_next(script) % (FIELDS_MAX + 1) : 0;
	size_t len = 0;

	for (; n > 0 && size - len > 32; n--)
		len += put_field(script, &message->fields[script_next(script) % message->n_fields], depth, to + len,
			size - len);
	return len;
}

size_t script_message(struct script *script, const ProtobufCMessageDescriptor *message, uint8_t *to)
{
	return put_message(script, message, DEPTH_MAX, to, SCRIPT_MESSAGE_MAX);
}

static size_t put_raw(struct script *script, uint8_t *to)
{
	size_t len = script_next(script);

	len = len < script->left ? len : script->left;
	memcpy(to, script->at, len);
	script->at += len;
	script->left -= len;
	return len;
}

size_t script_outer(struct script *script, const ProtobufCMessageDescriptor *message, unsigned number, uint8_t *to)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message, number);

	if (!field)
		return put_raw(script, to);
	return put_field(script, field, DEPTH_MAX, to, SCRIPT_MESSAGE_MAX);
}

size_t script_send(struct script *script, int fd, const ProtobufCMessageDescriptor *message, unsigned number,
	unsigned n_fds)
{
	static int nothing = -1;
	uint8_t packed[SCRIPT_MESSAGE_MAX];
	struct iovec iov = {.iov_base = packed, .iov_len = script_outer(script, message, number, packed)};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control = {0};

	if (nothing < 0)
		nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (iov.iov_len == 0)
		return 0;
	n_fds = n_fds < FDS_MAX ? n_fds : FDS_MAX;
	if (n_fds > 0) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int) * n_fds)};
		for (unsigned i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &nothing, sizeof(int));
	}
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? 0 : iov.iov_len;
}
