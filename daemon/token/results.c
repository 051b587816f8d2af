/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/results.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proto/fields.h"
#include "proto/put.h"

enum {
	RESULTS_HEAD = PUT_FIELD_MAX,
	RESULTS_MAX = RESULTS_ROOM - RESULTS_HEAD, /* bytes of packed results in one datagram */
};

int results_init(struct results *results, struct arena *arena, int fd)
{
	*results = (struct results){.fd = fd, .packed = arena_alloc(arena, RESULTS_ROOM)};
	return results->packed ? 0 : log_origin(-ENOMEM);
}

static size_t put_result(const struct results *results, const Cek__Internal__V1__JobResult *result)
{
	uint8_t *start = results->packed + RESULTS_HEAD + results->len;
	struct put put = {.at = start, .room = RESULTS_MAX - results->len};
	uint8_t *body = put_begin(&put, FIELD_JOB_RESULTS_RESULT);
	size_t len;

	put_number(&put, FIELD_JOB_RESULT_ID, result->id);
	put_number(&put, FIELD_JOB_RESULT_OUTCOME, result->outcome);
	put_text(&put, FIELD_JOB_RESULT_TEXT, result->text);
	put_bytes(&put, FIELD_JOB_RESULT_CEK, &result->cek);
	put_number(&put, FIELD_JOB_RESULT_MEMORY, result->memory);
	put_number(&put, FIELD_JOB_RESULT_REPLACE, result->replace != 0);
	put_end(&put, body);
	len = put_finish(&put, start);
	if (len == 0) /* its CEK may stand there already */
		wipe(start, RESULTS_MAX - results->len);
	return len;
}

int results_add(struct results *results, const Cek__Internal__V1__JobResult *result, uint64_t now_us)
{
	size_t len = put_result(results, result);
	int r;

	if (len == 0) {
		r = results_flush(results);
		if (r < 0)
			return r;
		len = put_result(results, result);
		if (len == 0)
			return log_origin(-EMSGSIZE);
	}
	if (results->len == 0)
		results->since_us = now_us;
	results->len += len;
	results->n++;
	return 0;
}

uint64_t results_wait_us(const struct results *results, uint64_t now_us, uint64_t another_us)
{
	return results->len > 0 ? now_us - results->since_us + another_us : 0;
}

int results_flush(struct results *results)
{
	uint8_t head[RESULTS_HEAD], *start = results->packed + RESULTS_HEAD;
	const size_t len = results->len;
	size_t head_len;
	ssize_t sent;

	if (len == 0)
		return 0;
	head_len = (size_t)(put_varint(put_varint(head,
					       CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS << 3 | PUT_TYPE_LENGTH),
				    len) -
		head);
	start -= head_len;
	memcpy(start, head, head_len);
	do {
		sent = send(results->fd, start, head_len + len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	/* What was refused is not sent again: the broker is gone then. */
	results->len = 0;
	results->n = 0;
	wipe(start, head_len + len);
	if (sent < 0)
		return errno == EPIPE ? -EPIPE : log_origin(-errno);
	return 0;
}
