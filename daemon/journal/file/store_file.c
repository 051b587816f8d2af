/* store.h: on two files. */
#include "daemon/journal/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/record.h"
#include "daemon/journal/file/segment.h"

enum {
	READ_ARENA = 1 << 20, /* bytes: one record as a message; it came in a datagram of DGRAM_MAX */
};

/* The records of one broker. */
struct counter {
	char instance[STORE_INSTANCE_MAX + 1];
	uint64_t taken, written, durable; /* up to these n */
};

struct store {
	int directory;
	struct segment keys;
	struct segment audit;
	const char *version;
	struct evidence evidence;
	struct arena arena; /* for the message of one line */
	struct counter counters[STORE_INSTANCES]; /* latest last */
	bool any_batch;
};

/* ---- the audit journal: who has come how far ----------------------------------------------------------------------- */

static struct counter *latest(struct store *store)
{
	return &store->counters[STORE_INSTANCES - 1];
}

/* Make the counter of this instance the latest, in place of the oldest if it is new. */
static struct counter *counter_of(struct store *store, const char *instance)
{
	struct counter found = { 0 };
	size_t i;

	for (i = STORE_INSTANCES - 1; i > 0 && strcmp(store->counters[i].instance, instance) != 0; i--)
		;
	if (strcmp(store->counters[i].instance, instance) == 0)
		found = store->counters[i];
	else
		memcpy(found.instance, instance, strlen(instance) + 1);
	memmove(&store->counters[i], &store->counters[i + 1], (STORE_INSTANCES - 1 - i) * sizeof(found));
	*latest(store) = found;
	return latest(store);
}

/* At the start: what the file says is written; for an instance the last line counts. */
static int note_audit_line(void *userdata, const json_t *object, const struct chain_head *head)
{
	struct store *store = userdata;
	const char *instance = json_string_value(json_object_get(object, "instance"));
	json_int_t n = json_integer_value(json_object_get(object, "n"));
	struct counter *counter;

	(void)head;
	evidence_line(&store->evidence, object);
	if (!instance || strlen(instance) > STORE_INSTANCE_MAX || n < 1)
		return 0;
	counter = counter_of(store, instance);
	counter->taken = counter->written = counter->durable = (uint64_t)n;
	return 0;
}

int store_audit_take(struct store *store, const Cek__Internal__V1__AuditBatch *batch)
{
	struct counter *counter;

	if (!batch->instance[0] || strlen(batch->instance) > STORE_INSTANCE_MAX)
		return -EINVAL;
	counter = counter_of(store, batch->instance);
	store->any_batch = true;
	if (batch->acked > counter->taken) /* in a file that is no longer here */
		counter->taken = counter->written = counter->durable = batch->acked;
	for (size_t i = 0; i < batch->n_record; i++) {
		struct text *text = &store->audit.gathered;
		size_t start = text->len;
		int r;

		if (batch->record[i]->n <= counter->taken)
			continue;
		if (batch->record[i]->n > counter->taken + 1 || start > STORE_AUDIT_GATHERED_MAX)
			return 0; /* not acknowledged, so they come again */
		r = record_write_audit(text, batch->record[i], batch->instance, store->audit.hasher, &store->audit.next);
		if (r == 0)
			r = segment_line_done(&store->audit, start);
		if (r < 0)
			return r;
		counter->taken++;
	}
	return 0;
}

void store_audit_write(struct store *store)
{
	if (segment_write(&store->audit) < 0)
		return;
	for (size_t i = 0; i < STORE_INSTANCES; i++)
		store->counters[i].written = store->counters[i].taken;
}

void store_audit_sync(struct store *store)
{
	if (segment_sync(&store->audit) < 0)
		return;
	for (size_t i = 0; i < STORE_INSTANCES; i++)
		store->counters[i].durable = store->counters[i].written;
}

void store_audit_log_rest(struct store *store)
{
	const struct text *rest = &store->audit.gathered;
	const char *line = rest->data, *end;

	for (size_t left = rest->len; left > 0 && (end = memchr(line, '\n', left)); line = end + 1) {
		log_error("not written to %s: %.*s", store->audit.name, (int)(end - line), line);
		left -= (size_t)(end - line) + 1;
	}
}

size_t store_audit_gathered(const struct store *store)
{
	return store->audit.gathered.len;
}

bool store_audit_unsynced(const struct store *store)
{
	return store->audit.unsynced;
}

struct store_audit_place store_audit_place(const struct store *store)
{
	const struct counter *counter = &store->counters[STORE_INSTANCES - 1];

	if (!store->any_batch)
		return (struct store_audit_place){ 0 };
	return (struct store_audit_place){ counter->instance, counter->written, counter->durable };
}

/* ---- the key journal ------------------------------------------------------------------------------------------------ */

struct reading {
	struct store *store;
	store_key_fn *fn; /* NULL: only see whether every line is a record */
	void *userdata;
};

static int read_key_line(void *userdata, const json_t *object, const struct chain_head *head)
{
	struct reading *reading = userdata;
	struct store *store = reading->store;
	Cek__Internal__V1__KeyRecord *record;
	char why[CHAIN_WHY_MAX] = "too large";
	int r;

	arena_reset(&store->arena);
	r = record_read_key(object, &store->arena, &record, why);
	if (r < 0) {
		segment_refuse(&store->keys, ":%llu: %s; nothing was changed: restore the file (cekd-journal(5))", (unsigned long long)head->seq, why);
		return -EBADMSG;
	}
	return reading->fn ? reading->fn(reading->userdata, record) : 0;
}

int store_read_keys(struct store *store, store_key_fn *fn, void *userdata)
{
	struct reading reading = { .store = store, .fn = fn, .userdata = userdata };

	if (store->keys.refused)
		return -EROFS;
	return segment_read(&store->keys, read_key_line, &reading);
}

static const char *encoding_error(int error)
{
	switch (error) {
	case -EILSEQ:
		return "holds a string that is not UTF-8";
	case -ERANGE:
		return "holds a number, a time or a text that is too large";
	case -EINVAL:
		return "has no type, no time or a value without a name";
	default:
		return "cannot be written in memory";
	}
}

/* What could not be read back, or not be sent to the broker, must not be written: the ring would be lost with it. */
static bool readable(struct store *store, const struct text *text, size_t start, const Cek__Internal__V1__KeyRecord *record)
{
	Cek__Internal__V1__KeyRecord *copy;
	char why[CHAIN_WHY_MAX];
	json_t *object;
	bool good;

	object = chain_line_parse(text->data + start, text->len - start, why);
	arena_reset(&store->arena);
	good = object && record_read_key(object, &store->arena, &copy, why) == 0 &&
	       cek__internal__v1__key_record__get_packed_size(record) <= STORE_RECORD_MAX;
	json_decref(object);
	return good;
}

static int gather_keys(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n, char why[STORE_WHY_MAX])
{
	struct segment *keys = &store->keys;

	for (size_t i = 0; i < n; i++) {
		size_t start = keys->gathered.len;
		int r = records[i]->type[0] && records[i]->time ? 0 : -EINVAL;

		records[i]->more = i + 1 < n;
		if (r == 0)
			r = record_write_key(&keys->gathered, records[i], &keys->next);
		if (r == 0 && !readable(store, &keys->gathered, start, records[i]))
			r = -ERANGE;
		if (r == 0)
			r = segment_line_done(keys, start);
		if (r < 0) {
			snprintf(why, STORE_WHY_MAX, "record %zu of %zu (%.32s) %s", i + 1, n, records[i]->type, encoding_error(r));
			return r;
		}
		records[i]->seq = keys->next.seq;
	}
	return 0;
}

/* "SEQ:HASH" as a place in the chain. */
static int parse_head(const char *text, struct chain_head *ret_head)
{
	struct chain_head head;
	char *end;

	if (*text < '1' || *text > '9')
		return -EINVAL;
	errno = 0;
	head.seq = strtoull(text, &end, 10);
	if (errno || *end != ':' || !chain_hash_valid(end + 1))
		return -EINVAL;
	memcpy(head.hash, end + 1, sizeof(head.hash));
	*ret_head = head;
	return 0;
}

int store_keys_hold(struct store *store, const char *head, char why[STORE_WHY_MAX])
{
	struct segment *keys = &store->keys;
	struct chain_result result;
	struct chain_head expected;
	int r;

	if (parse_head(head, &expected) < 0) {
		snprintf(why, STORE_WHY_MAX, "head: not SEQ:HASH");
		return -EINVAL;
	}
	if (keys->refused || lseek(keys->fd, 0, SEEK_SET) < 0)
		return -EROFS;
	r = chain_verify(keys->fd, NULL, &expected, NULL, NULL, &result);
	if (r < 0)
		return r;
	if (result.fault == CHAIN_GOOD)
		return 0;
	snprintf(why, STORE_WHY_MAX, "head: %s", result.why);
	return -ENOENT;
}

int store_append_keys(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n, char why[STORE_WHY_MAX], uint64_t *ret_last_seq)
{
	struct segment *keys = &store->keys;
	struct chain_head head = keys->head;
	off_t size = keys->size;
	int r;

	if (n == 0) {
		snprintf(why, STORE_WHY_MAX, "no records");
		return -EINVAL;
	}
	r = gather_keys(store, records, n, why);
	if (r < 0) {
		segment_drop(keys);
		return r;
	}
	r = segment_write(keys);
	if (r == 0) {
		r = segment_sync(keys);
		if (r < 0)
			segment_cut_back(keys, size, &head);
	}
	if (r < 0) {
		segment_drop(keys);
		snprintf(why, STORE_WHY_MAX, "%s", keys->trouble);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(records[i]->type, "restored") == 0)
			evidence_clear(&store->evidence);
	}
	*ret_last_seq = keys->head.seq;
	return 0;
}

const char *store_keys_hash(const struct store *store)
{
	return store->keys.head.hash;
}

uint64_t store_keys_seq(const struct store *store)
{
	return store->keys.head.seq;
}

const struct evidence *store_evidence(const struct store *store)
{
	return &store->evidence;
}

/* ---- both ----------------------------------------------------------------------------------------------------------- */

/* The key journal has no such line from here: all that is in the ring comes from the broker. */
static void open_audit(struct store *store)
{
	struct segment *audit = &store->audit;
	size_t start = audit->gathered.len;
	int r;

	if (audit->refused)
		return;
	r = record_write_audit_open(&audit->gathered, clock_real_us(), store->version, store->keys.head.seq, &audit->next);
	if (r == 0)
		r = segment_line_done(audit, start);
	if (r < 0) {
		segment_refuse(audit, ": record \"open\" %s", encoding_error(r));
		return;
	}
	store_audit_write(store);
	store_audit_sync(store);
}

static int recover(struct store *store)
{
	struct reading reading = { .store = store };
	int r;

	r = segment_recover(&store->keys, read_key_line, &reading);
	if (r < 0 && r != -EBADMSG)
		return r;
	r = segment_recover_tail(&store->audit, note_audit_line, store);
	if (r < 0)
		return r;
	if (!store->keys.refused)
		evidence_end(&store->evidence, store->keys.head.seq);
	open_audit(store);
	/* An unfinished line that was cut off must not come back. */
	(void)segment_sync(&store->keys);
	store_look(store);
	return 0;
}

int store_open(const struct store_files *files, const char *directory, const char *version, struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->version = version;
	store->directory = files->directory;
	evidence_init(&store->evidence, files->keys);
	r = segment_init(&store->keys, files->keys, files->directory, directory, "keys.jsonl");
	if (r == 0)
		r = segment_init(&store->audit, files->audit, files->directory, directory, "audit.jsonl");
	if (r == 0)
		r = arena_init(&store->arena, READ_ARENA);
	if (r == 0)
		r = recover(store);
	if (r < 0) {
		store_free(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

struct store *store_free(struct store *store)
{
	if (store) {
		segment_deinit(&store->keys);
		segment_deinit(&store->audit);
		arena_deinit(&store->arena);
		close(store->directory);
		free(store);
	}
	return NULL;
}

const char *store_keys_state(const struct store *store)
{
	return store->keys.trouble[0] ? store->keys.trouble : "ok";
}

const char *store_audit_state(const struct store *store)
{
	return store->audit.trouble[0] ? store->audit.trouble : "ok";
}

bool store_ok(const struct store *store)
{
	return !store->keys.trouble[0] && !store->audit.trouble[0];
}

void store_look(struct store *store)
{
	(void)segment_look(&store->keys);
	(void)segment_look(&store->audit);
}

void store_retry(struct store *store)
{
	if (store->keys.trouble[0])
		segment_probe(&store->keys);
	if (store->audit.trouble[0] && !store->audit.refused) {
		if (store_audit_gathered(store) == 0)
			segment_probe(&store->audit);
		store_audit_write(store);
		store_audit_sync(store);
	}
}
