#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/broker/audit.h"
#include "daemon/clock.h"

struct batch {
	struct link link;
	uint64_t last; /* n of its last record */
	size_t len;
	uint8_t packed[];
};

int audit_init(struct audit *audit, const char *instance, bool durable)
{
	*audit = (struct audit){.durable = durable};
	list_init(&audit->kept);
	audit->to_send = &audit->kept;
	audit->instance = strdup(instance);
	audit->records = calloc(AUDIT_BATCH_MAX, sizeof(*audit->records));
	audit->pointers = calloc(AUDIT_BATCH_MAX, sizeof(*audit->pointers));
	audit->text = malloc(AUDIT_TEXT_MAX);
	return audit->instance && audit->records && audit->pointers && audit->text ? 0 : -ENOMEM;
}

void audit_deinit(struct audit *audit)
{
	struct link *link;

	while (audit->kept.next && (link = list_take(&audit->kept)))
		free(list_entry(link, struct batch, link));
	free(audit->instance);
	free(audit->records);
	free(audit->pointers);
	free(audit->text);
	*audit = (struct audit){0};
}

/* Pack the records of this turn into one datagram. */
static int close_batch(struct audit *audit)
{
	Cek__Internal__V1__AuditBatch message = CEK__INTERNAL__V1__AUDIT_BATCH__INIT;
	Cek__Internal__V1__ToJournal outer = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	struct batch *batch;
	size_t len;

	message.instance = audit->instance;
	message.acked = audit->written;
	message.record = audit->pointers;
	message.n_record = audit->n_records;
	outer.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT;
	outer.audit = &message;
	len = cek__internal__v1__to_journal__get_packed_size(&outer);
	batch = malloc(sizeof(*batch) + len);
	if (!batch)
		return -ENOMEM;
	batch->len = cek__internal__v1__to_journal__pack(&outer, batch->packed);
	batch->last = audit->last;
	list_append(&audit->kept, &batch->link);
	if (audit->to_send == &audit->kept)
		audit->to_send = &batch->link;
	audit->kept_bytes += len;
	audit->n_records = 0;
	audit->text_used = 0;
	return 0;
}

static uint8_t *copy(struct audit *audit, const void *data, size_t len)
{
	uint8_t *to = (uint8_t *)audit->text + audit->text_used;

	memcpy(to, data, len);
	audit->text_used += len;
	return to;
}

static char *copy_text(struct audit *audit, const char *text)
{
	return (char *)copy(audit, text, strlen(text) + 1);
}

uint64_t audit_add(struct audit *audit, const AuditRecord *record)
{
	size_t room = strlen(record->key) + strlen(record->kid) + strlen(record->detail) + record->encrypted_key.len + 3;
	AuditRecord *added;

	if (audit->n_records == AUDIT_BATCH_MAX || audit->text_used + room > AUDIT_TEXT_MAX) {
		if (room > AUDIT_TEXT_MAX || close_batch(audit) < 0)
			return 0;
	}
	added = &audit->records[audit->n_records];
	*added = *record;
	added->key = copy_text(audit, record->key);
	added->kid = copy_text(audit, record->kid);
	added->detail = copy_text(audit, record->detail);
	if (record->encrypted_key.len > 0)
		added->encrypted_key.data = copy(audit, record->encrypted_key.data, record->encrypted_key.len);
	added->n = ++audit->last;
	added->time = clock_real_us();
	audit->pointers[audit->n_records++] = added;
	return added->n;
}

int audit_flush(struct audit *audit, int fd)
{
	int r = audit->n_records > 0 ? close_batch(audit) : 0;

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

bool audit_settled(const struct audit *audit)
{
	return audit->n_records == 0 && list_empty(&audit->kept) && audit_releases(audit, audit->last);
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
		list_remove(&batch->link);
		free(batch);
	}
}

void audit_again(struct audit *audit)
{
	audit->to_send = audit->kept.next;
}
