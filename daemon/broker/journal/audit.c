/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/pack_audit.h"
#include "proto/fields.h"
#include "proto/put.h"

enum {
	SPARE_MAX = 4,
	HEADER_MAX = 128,  /* what stands before the records: around them, instance and acked */
	RECORD_MAX = 4096, /* more than any record packs to */
	LEN_BYTES = 3,     /* of a record's length: always as many, so that it can be filled in afterwards */
};

struct batch {
	struct link link;
	uint64_t last; /* n of its last record */
	uint64_t since_us;
	size_t len, size;
	uint8_t packed[];
};

int audit_init(struct audit *audit, const struct pulse *pulse, const char *instance, bool durable)
{
	*audit = (struct audit){.pulse = pulse, .durable = durable};
	list_init(&audit->kept);
	list_init(&audit->spare);
	audit->to_send = &audit->kept;
	if (strlen(instance) > 64)
		return -EINVAL;
	audit->instance = strdup(instance);
	audit->packed = malloc(AUDIT_BATCH_MAX);
	return audit->instance && audit->packed ? 0 : -ENOMEM;
}

static void free_all(struct link *list)
{
	struct link *link;

	while (list->next && (link = list_take(list)))
		free(list_entry(link, struct batch, link));
}

void audit_deinit(struct audit *audit)
{
	free_all(&audit->kept);
	free_all(&audit->spare);
	free(audit->instance);
	free(audit->packed);
	*audit = (struct audit){0};
}

/* Batches come and go with every turn: a few are kept for the next ones. */
static struct batch *batch_new(struct audit *audit, size_t size)
{
	struct batch *batch;

	for (struct link *link = audit->spare.next; link != &audit->spare; link = link->next) {
		batch = list_entry(link, struct batch, link);
		if (batch->size < size)
			continue;
		list_remove(link);
		audit->n_spare--;
		return batch;
	}
	size = size < 4096 ? 4096 : size;
	batch = malloc(sizeof(*batch) + size);
	if (batch)
		batch->size = size;
	return batch;
}

static void batch_done(struct audit *audit, struct batch *batch)
{
	list_remove(&batch->link);
	if (audit->n_spare == SPARE_MAX) {
		free(batch);
		return;
	}
	list_append(&audit->spare, &batch->link);
	audit->n_spare++;
}

/* The records of this turn become one datagram: a ToJournal with an AuditBatch, of which instance and acked go first
 * and the packed records as they are. */
static int close_batch(struct audit *audit)
{
	struct batch *batch = batch_new(audit, HEADER_MAX + audit->len);
	uint8_t head[HEADER_MAX], *to;
	struct put put = {.at = head, .room = sizeof(head)};
	size_t head_len;

	if (!batch)
		return log_origin(-ENOMEM);
	put_text(&put, FIELD_AUDIT_BATCH_INSTANCE, audit->instance);
	put_number(&put, FIELD_AUDIT_BATCH_ACKED, audit->written);
	head_len = put_finish(&put, head);
	to = put_varint(batch->packed, CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT << 3 | PUT_TYPE_LENGTH);
	to = put_varint(to, head_len + audit->len);
	memcpy(to, head, head_len);
	memcpy(to + head_len, audit->packed, audit->len);
	batch->len = (size_t)(to - batch->packed) + head_len + audit->len;
	batch->last = audit->last;
	batch->since_us = audit->pulse->now_us;
	list_append(&audit->kept, &batch->link);
	if (audit->to_send == &audit->kept)
		audit->to_send = &batch->link;
	audit->kept_bytes += batch->len;
	audit->len = 0;
	return 0;
}

/* Pack it behind those of this turn. 0: no room. */
static size_t add_packed(struct audit *audit, const AuditRecord *record)
{
	const size_t around = 1 + LEN_BYTES;
	uint8_t *to = audit->packed + audit->len;
	size_t len = pack_audit(record, to + around, AUDIT_BATCH_MAX - around - audit->len);

	if (len == 0)
		return 0;
	to[0] = FIELD_AUDIT_BATCH_RECORD << 3 | PUT_TYPE_LENGTH;
	to[1] = (uint8_t)(len | 0x80);
	to[2] = (uint8_t)(len >> 7 | 0x80);
	to[3] = (uint8_t)(len >> 14);
	audit->len += around + len;
	audit->added = around + len;
	return len;
}

uint64_t audit_add(struct audit *audit, AuditRecord *record)
{
	if (audit->len + RECORD_MAX > AUDIT_BATCH_MAX && close_batch(audit) < 0)
		return 0;
	record->n = audit->last + 1;
	record->time = clock_real_us();
	if (add_packed(audit, record) == 0)
		return 0;
	return ++audit->last;
}

int audit_flush(struct audit *audit, int fd)
{
	int r = audit->len > 0 ? close_batch(audit) : 0;

	while (r == 0 && audit->to_send != &audit->kept) {
		struct batch *batch = list_entry(audit->to_send, struct batch, link);

		if (send(fd, batch->packed, batch->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			r = errno == EINTR ? 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
			continue;
		}
		if (batch->last > audit->sent)
			audit->sent = batch->last;
		audit->to_send = batch->link.next;
	}
	return r;
}

uint64_t audit_progress(const struct audit *audit)
{
	return audit->durable ? audit->durable_n : audit->sent;
}

bool audit_releases(const struct audit *audit, uint64_t n)
{
	return n <= audit_progress(audit);
}

bool audit_full(const struct audit *audit)
{
	return audit->kept_bytes > AUDIT_KEPT_MAX;
}

bool audit_over_share(const struct audit *audit, size_t unwritten, bool others)
{
	const size_t kept = audit->kept_bytes + audit->len;
	const size_t left = kept < AUDIT_KEPT_MAX ? AUDIT_KEPT_MAX - kept : 0;

	return unwritten > left || (others && unwritten > AUDIT_SHARE);
}

bool audit_settled(const struct audit *audit)
{
	return audit->len == 0 && list_empty(&audit->kept) && audit_releases(audit, audit->last);
}

void audit_done(struct audit *audit, const char *instance, uint64_t written, uint64_t durable)
{
	if (strcmp(instance, audit->instance) != 0)
		return;
	if (written > audit->written)
		audit->written = written;
	if (durable > audit->durable_n)
		audit->durable_n = durable;
	while (!list_empty(&audit->kept)) {
		struct batch *batch = list_entry(audit->kept.next, struct batch, link);

		/* What was not sent yet cannot have been written, whatever the journal says. */
		if (batch->last > written || &batch->link == audit->to_send)
			break;
		audit->kept_bytes -= batch->len;
		batch_done(audit, batch);
	}
}

void audit_again(struct audit *audit)
{
	audit->to_send = audit->kept.next;
}

uint64_t audit_oldest(const struct audit *audit)
{
	return list_empty(&audit->kept) ? 0 : list_entry(audit->kept.next, struct batch, link)->since_us;
}
