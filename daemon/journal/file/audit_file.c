/* SPDX-License-Identifier: Apache-2.0 */
/* audit_file.h */
#include "daemon/journal/file/audit_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/journal/counters.h"
#include "daemon/journal/file/segment.h"
#include "daemon/journal/lines.h"
#include "daemon/journal/record.h"

struct audit_file {
	struct audit audit;
	struct segment segment;
	struct counters counters;
	struct evidence *evidence;
	const char *version;
	bool any_batch;
	bool free_known;
	uint64_t free;
};

static struct audit_file *file_of(const struct audit *audit)
{
	return (struct audit_file *)(void *)(uintptr_t)audit;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static int take_record(struct audit_file *file, const Cek__Internal__V1__AuditRecord *record, const char *instance)
{
	struct lines *lines = &file->segment.gathered;
	size_t start = lines->text.len;
	int r = record_write_audit(&lines->text, record, instance, lines->hasher, &lines->next);

	return r < 0 ? r : lines_done(lines, start);
}

static int file_take(struct audit *audit, const Cek__Internal__V1__AuditBatch *batch)
{
	struct audit_file *file = file_of(audit);
	struct counter *counter;

	if (!counters_name_valid(batch->instance))
		return -EINVAL;
	counter = counters_of(&file->counters, batch->instance);
	file->any_batch = true;
	if (batch->acked > counter->taken) /* in a file that is no longer here */
		counter_stands_at(counter, batch->acked);
	for (size_t i = 0; i < batch->n_record; i++) {
		int r;

		if (batch->record[i]->n <= counter->taken)
			continue;
		if (batch->record[i]->n > counter->taken + 1 || file->segment.gathered.text.len > AUDIT_GATHERED_MAX)
			return 0; /* not acknowledged, so they come again */
		r = take_record(file, batch->record[i], batch->instance);
		if (r < 0)
			return r;
		counter->taken++;
	}
	return 0;
}

static void file_write(struct audit *audit)
{
	struct audit_file *file = file_of(audit);

	if (segment_write(&file->segment) == 0)
		counters_written(&file->counters);
}

static void file_sync(struct audit *audit)
{
	struct audit_file *file = file_of(audit);

	if (segment_sync(&file->segment) == 0)
		counters_durable(&file->counters);
}

static struct audit_place file_place(const struct audit *audit)
{
	const struct audit_file *file = file_of(audit);
	const struct counter *counter = counters_latest(&file->counters);

	if (!file->any_batch)
		return (struct audit_place){0};
	return (struct audit_place){counter->instance, counter->written, counter->durable};
}

static void file_log_rest(struct audit *audit)
{
	const struct segment *segment = &file_of(audit)->segment;
	const struct text *rest = &segment->gathered.text;
	const char *line = rest->data, *end;

	for (size_t left = rest->len; left > 0 && (end = memchr(line, '\n', left)); line = end + 1) {
		log_error("not written to %s: %.*s", segment->name, (int)(end - line), line);
		left -= (size_t)(end - line) + 1;
	}
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static struct audit_state file_state(const struct audit *audit)
{
	const struct audit_file *file = file_of(audit);
	const struct segment *segment = &file->segment;

	return (struct audit_state){
		.text = segment->trouble[0] ? segment->trouble : "ok",
		.ok = !segment->trouble[0],
		.unsynced = segment->unsynced,
		.gathered = segment->gathered.text.len,
		.free_known = file->free_known,
		.free = file->free,
	};
}

static void file_look(struct audit *audit)
{
	struct audit_file *file = file_of(audit);
	struct statvfs fs;

	(void)segment_look(&file->segment);
	file->free_known = fstatvfs(file->segment.fd, &fs) == 0;
	if (file->free_known)
		file->free = (uint64_t)fs.f_bavail * fs.f_frsize;
}

static void file_retry(struct audit *audit)
{
	struct segment *segment = &file_of(audit)->segment;

	if (!segment->trouble[0] || segment->refused)
		return;
	if (segment->gathered.text.len == 0)
		segment_probe(segment);
	file_write(audit);
	file_sync(audit);
}

static void file_close(struct audit *audit)
{
	struct audit_file *file = file_of(audit);

	segment_deinit(&file->segment);
	free(file);
}

static int file_follow(struct audit *audit, const struct store_state *keys);

static const struct audit_ops file_ops = {
	.take = file_take,
	.write = file_write,
	.sync = file_sync,
	.place = file_place,
	.state = file_state,
	.follow = file_follow,
	.look = file_look,
	.retry = file_retry,
	.log_rest = file_log_rest,
	.close = file_close,
};

struct recovery {
	struct counters *counters;
	struct evidence *evidence;
};

/* What the file says is written; for an instance the last line counts. */
static int note_line(void *userdata, const json_t *object, const struct chain_head *head)
{
	struct recovery *recovery = userdata;
	const char *instance = json_string_value(json_object_get(object, "instance"));
	json_int_t n = json_integer_value(json_object_get(object, "n"));

	(void)head;
	evidence_line(recovery->evidence, object);
	if (counters_name_valid(instance) && n > 0)
		counter_stands_at(counters_of(recovery->counters, instance), (uint64_t)n);
	return 0;
}

/* The key journal has no such line from here: all that is in the ring comes from the broker. */
static void append_open(struct audit_file *file, uint64_t keys_seq)
{
	struct segment *segment = &file->segment;
	struct lines *lines = &segment->gathered;
	size_t start = lines->text.len;
	int r;

	if (segment->refused)
		return;
	if (segment->head.seq == 0 && keys_seq > 0)
		log_warning("%s is empty, but the key journal is not: unless you have moved the audit journal away "
			    "yourself, "
			    "restore it, for it knows how long the keys have lived (cekd-journal(5))",
			segment->name);
	r = record_write_audit_open(&lines->text, clock_real_us(), file->version, keys_seq, &lines->next);
	if (r == 0)
		r = lines_done(lines, start);
	if (r < 0) {
		segment_refuse(segment, ": record \"open\" %s", lines_error(r));
		return;
	}
	file_write(&file->audit);
	file_sync(&file->audit);
}

/* All lines were read: it is this process's from now on. */
static void begin(struct audit_file *file, const struct store_state *keys)
{
	if (!keys->refused)
		evidence_end(file->evidence, keys->head.seq);
	if (!file->segment.read_only)
		append_open(file, keys->head.seq);
	file_look(&file->audit);
}

static int file_follow(struct audit *audit, const struct store_state *keys)
{
	struct audit_file *file = file_of(audit);
	struct recovery recovery = {.counters = &file->counters, .evidence = file->evidence};
	int r = segment_follow(&file->segment, keys != NULL, note_line, &recovery);

	if (r == 0 && keys)
		begin(file, keys);
	return r;
}

static int make(const struct audit_file_setup *setup, struct evidence *evidence, struct audit_file **ret_file)
{
	struct audit_file *file = calloc(1, sizeof(*file));
	int r = file ? segment_init(&file->segment, setup->fd, setup->directory, setup->path, "audit.jsonl")
		     : log_origin(-ENOMEM);

	if (r < 0) {
		close(setup->fd);
		free(file);
		return r;
	}
	file->audit.ops = &file_ops;
	file->segment.read_only = setup->read_only;
	file->evidence = evidence;
	file->version = setup->version;
	r = segment_seek_tail(&file->segment);
	if (r < 0) {
		file_close(&file->audit);
		return r;
	}
	*ret_file = file;
	return 0;
}

int audit_file_open(const struct audit_file_setup *setup, struct evidence *evidence, struct audit **ret_audit)
{
	struct audit_file *file;
	int r = make(setup, evidence, &file);

	if (r < 0)
		return r;
	r = file_follow(&file->audit, setup->keys);
	if (r < 0) {
		file_close(&file->audit);
		return r;
	}
	*ret_audit = &file->audit;
	return 0;
}

int audit_file_stand_by(const struct audit_file_setup *setup, struct evidence *evidence, struct audit **ret_audit)
{
	struct audit_file *file;
	int r = make(setup, evidence, &file);

	if (r == 0)
		*ret_audit = &file->audit;
	return r;
}
