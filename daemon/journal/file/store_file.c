/* SPDX-License-Identifier: Apache-2.0 */
/* store_file.h */
#include "daemon/journal/file/store_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/release.h"
#include "base/wipe.h"
#include "daemon/journal/file/place.h"
#include "daemon/journal/file/segment.h"
#include "daemon/journal/lines.h"
#include "daemon/journal/record.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

enum {
	BUSY_LINES = 1024,    /* read between two looks at what else there is */
	READ_ARENA = 1 << 20, /* bytes: one record as a message; it came in a datagram of DGRAM_MAX */
};

/* What was done, until the next turn tells it. */
struct told {
	store_done_fn *done; /* NULL: nothing */
	void *userdata;
	enum store_outcome outcome;
	char why[STORE_WHY_MAX];
};

struct store_file {
	struct store store;
	struct segment keys;
	struct arena arena; /* for the message of one line */
	struct told told;
	char identity[PLACE_IDENTITY_MAX];
};

static struct store_file *file_of(const struct store *store)
{
	return (struct store_file *)(void *)(uintptr_t)store;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct reading {
	struct store_file *file;
	uint64_t from;
	store_record_fn *fn; /* NULL: only see whether every line is a record */
	void *userdata;
	char release[RELEASE_MAX]; /* of the cekd that wrote the lines, as the last "open" names it */
};

static void note_release(struct reading *reading, const json_t *object)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const char *version = json_string_value(json_object_get(object, "version"));

	if (type && version && strcmp(type, "open") == 0)
		snprintf(reading->release, sizeof(reading->release), "%s", version);
}

/* What a later cekd has written this one must not overlook; the later one reads it. */
static void refuse(struct reading *reading, uint64_t seq, const char *why)
{
	struct segment *keys = &reading->file->keys;

	if (release_later(reading->release, CEK_VERSION))
		segment_refuse(keys, ":%" PRIu64 ": %s: this journal was written by cekd %s or newer; install it", seq,
			why, reading->release);
	else
		segment_refuse(keys, ":%" PRIu64 ": %s; nothing was changed: restore the file (cekd-journal(5))", seq,
			why);
}

static int read_line(void *userdata, const json_t *object, const struct chain_head *head)
{
	struct reading *reading = userdata;
	struct store_file *file = reading->file;
	char why[CHAIN_WHY_MAX] = "too large";
	KeyRecord *record;
	int r;

	note_release(reading, object);
	if (head->seq < reading->from)
		return 0;
	arena_reset(&file->arena);
	r = record_read_key(object, &file->arena, &record, why);
	if (r < 0) {
		refuse(reading, head->seq, why);
		return -EBADMSG;
	}
	return reading->fn ? reading->fn(reading->userdata, record, head) : 0;
}

static int file_read_from(struct store *store, uint64_t seq, store_record_fn *fn, void *userdata)
{
	struct reading reading = {.file = file_of(store), .from = seq, .fn = fn, .userdata = userdata};

	if (reading.file->keys.refused)
		return -EROFS;
	return segment_read(&reading.file->keys, read_line, &reading);
}

static int tell_busy(void *userdata, const json_t *object, const struct chain_head *head)
{
	const struct store *store = userdata;

	if (head->seq % BUSY_LINES == 0 && store->busy)
		store->busy(store->busy_userdata);
	return 0;
}

static int file_holds(struct store *store, const struct chain_head *line, char why[STORE_WHY_MAX])
{
	struct segment *keys = &file_of(store)->keys;
	struct chain_result result;
	int r;

	if (keys->refused || lseek(keys->fd, 0, SEEK_SET) < 0)
		return -EROFS;
	r = chain_verify(keys->fd, NULL, line, tell_busy, store, &result);
	if (r < 0)
		return r;
	if (result.fault == CHAIN_GOOD)
		return 0;
	snprintf(why, STORE_WHY_MAX, "%s", result.why);
	return -ENOENT;
}

/* ---- appending --------------------------------------------------------------------------------------------------- */

static int write_durably(struct segment *keys)
{
	struct chain_head head = keys->head;
	off_t size = keys->size;
	int r = segment_write(keys);

	if (r < 0)
		return r;
	r = segment_sync(keys);
	if (r < 0)
		segment_cut_back(keys, size, &head);
	return r;
}

static enum store_outcome append_now(struct store_file *file, KeyRecord *const *records, size_t n,
	const struct chain_head *expected, char why[STORE_WHY_MAX])
{
	struct segment *keys = &file->keys;
	int r;

	if (expected->seq != keys->head.seq || strcmp(expected->hash, keys->head.hash) != 0) {
		snprintf(why, STORE_WHY_MAX, "the journal ends with seq %" PRIu64 ", not with the expected line",
			keys->head.seq);
		return STORE_CONFLICT;
	}
	r = lines_add_keys(&keys->gathered, records, n, &file->arena, why);
	if (r < 0) {
		segment_drop(keys);
		return r == -ENOMEM || r == -EIO ? STORE_FAILED : STORE_REFUSED;
	}
	r = write_durably(keys);
	if (r < 0) {
		segment_drop(keys);
		snprintf(why, STORE_WHY_MAX, "%s", keys->trouble);
		return STORE_FAILED;
	}
	return STORE_DONE;
}

static int file_append(struct store *store, KeyRecord *const *records, size_t n, const struct chain_head *expected,
	store_done_fn *done, void *userdata)
{
	struct store_file *file = file_of(store);

	if (file->told.done)
		return -EBUSY;
	file->told = (struct told){.done = done, .userdata = userdata};
	file->told.outcome = append_now(file, records, n, expected, file->told.why);
	return 0;
}

static int file_sync(struct store *store, store_done_fn *done, void *userdata)
{
	struct store_file *file = file_of(store);
	int r;

	if (file->told.done)
		return -EBUSY;
	file->told = (struct told){.done = done, .userdata = userdata};
	r = segment_sync(&file->keys);
	if (r == 0)
		r = segment_look(&file->keys);
	if (r < 0) {
		file->told.outcome = STORE_FAILED;
		snprintf(file->told.why, sizeof(file->told.why), "%s", file->keys.trouble);
	}
	return 0;
}

static void file_subscribe(struct store *store, store_others_fn *fn, void *userdata)
{
	(void)store; /* there are no others */
	(void)fn;
	(void)userdata;
}

static struct store_wait file_wait(const struct store *store)
{
	return (struct store_wait){.fd = -1, .due = file_of(store)->told.done ? 1 : 0};
}

static void file_turn(struct store *store)
{
	struct store_file *file = file_of(store);
	struct told told = file->told;
	struct store_result result = {.outcome = told.outcome, .head = file->keys.head, .why = told.why};

	file->told.done = NULL;
	if (told.done)
		told.done(told.userdata, &result);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static struct store_state file_state(const struct store *store)
{
	const struct store_file *file = file_of(store);
	const struct segment *keys = &file->keys;

	return (struct store_state){
		.text = keys->trouble[0] ? keys->trouble : "ok",
		.ok = !keys->trouble[0],
		.refused = keys->refused,
		.head = keys->head,
		.identity = file->identity,
	};
}

/* An unfinished line that was cut off must not come back. */
static void settle(struct store_file *file)
{
	(void)segment_sync(&file->keys);
	(void)segment_look(&file->keys);
}

static int file_follow(struct store *store, bool last, store_record_fn *fn, void *userdata)
{
	struct store_file *file = file_of(store);
	struct reading reading = {.file = file, .fn = fn, .userdata = userdata};
	int r = segment_follow(&file->keys, last, read_line, &reading);

	if (r == 0 && last)
		settle(file);
	return r == 0 && file->keys.refused ? -EBADMSG : r;
}

static void file_look(struct store *store)
{
	(void)segment_look(&file_of(store)->keys);
}

static void file_retry(struct store *store)
{
	struct segment *keys = &file_of(store)->keys;

	if (keys->trouble[0])
		segment_probe(keys);
}

static void file_close(struct store *store)
{
	struct store_file *file = file_of(store);

	segment_deinit(&file->keys);
	arena_deinit(&file->arena);
	free(file);
}

static const struct store_ops file_ops = {
	.read_from = file_read_from,
	.holds = file_holds,
	.append = file_append,
	.sync = file_sync,
	.subscribe = file_subscribe,
	.follow = file_follow,
	.look = file_look,
	.retry = file_retry,
	.state = file_state,
	.wait = file_wait,
	.turn = file_turn,
	.close = file_close,
};

static int recover(struct store_file *file)
{
	struct reading reading = {.file = file};
	int r = segment_recover(&file->keys, read_line, &reading);

	if (r < 0 && r != -EBADMSG)
		return r;
	settle(file);
	return 0;
}

static int make(int fd, int directory, const char *path, bool read_only, bool stand_by, struct store **ret_store)
{
	struct store_file *file = calloc(1, sizeof(*file));
	int r = file ? segment_init(&file->keys, fd, directory, path, "keys.jsonl") : log_origin(-ENOMEM);

	if (r < 0) {
		close(fd);
		free(file);
		return r;
	}
	file->store.ops = &file_ops;
	file->keys.read_only = read_only;
	place_identity(fd, file->identity);
	r = arena_init(&file->arena, READ_ARENA);
	if (r == 0 && !stand_by)
		r = recover(file);
	if (r < 0) {
		file_close(&file->store);
		return r;
	}
	*ret_store = &file->store;
	return 0;
}

int store_file_open(int fd, int directory, const char *path, struct store **ret_store)
{
	return make(fd, directory, path, false, false, ret_store);
}

int store_file_open_to_look(int fd, int directory, const char *path, struct store **ret_store)
{
	return make(fd, directory, path, true, false, ret_store);
}

int store_file_stand_by(int fd, int directory, const char *path, struct store **ret_store)
{
	return make(fd, directory, path, false, true, ret_store);
}
