/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h */
#include "daemon/journal/file/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/shared/testhook.h"

enum { PROBE_SIZE = 4096 }; /* bytes: one block, so that room left in the last one proves nothing */

int segment_init(struct segment *segment, int fd, int at, const char *directory, const char *file)
{
	int r;

	*segment = (struct segment){.fd = fd, .head = chain_start()};
	snprintf(segment->name, sizeof(segment->name), "%s/%s", directory, file);
	r = place_init(&segment->place, at, directory, file);
	return r < 0 ? r : lines_init(&segment->gathered);
}

void segment_deinit(struct segment *segment)
{
	if (!segment->gathered.hasher)
		return;
	lines_deinit(&segment->gathered);
	close(segment->fd);
	*segment = (struct segment){0};
}

static void __attribute__((format(printf, 2, 0))) set_trouble(struct segment *segment, const char *format, va_list args)
{
	int len = snprintf(segment->trouble, sizeof(segment->trouble), "%s", segment->name);

	vsnprintf(segment->trouble + len, sizeof(segment->trouble) - (size_t)len, format, args);
}

void segment_refuse(struct segment *segment, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_trouble(segment, format, args);
	va_end(args);
	segment->refused = true;
	log_error("%s", segment->trouble);
}

static void __attribute__((format(printf, 2, 3))) segment_fail(struct segment *segment, const char *format, ...)
{
	char before[SEGMENT_TROUBLE_MAX];
	va_list args;

	memcpy(before, segment->trouble, sizeof(before));
	va_start(args, format);
	set_trouble(segment, format, args);
	va_end(args);
	if (strcmp(before, segment->trouble) != 0)
		log_error("%s", segment->trouble); /* once, not at every try */
}

/* The chain continues after whole bytes at head; what stands behind, up to size, is the rest of an interrupted write.
 * -1: of one that goes on. */
static void settle(struct segment *segment, off_t whole, off_t size, const struct chain_head *head)
{
	segment->size = whole;
	segment->head = segment->gathered.next = *head;
	if (size < 0 || whole == size)
		return;
	if (segment->read_only) {
		log_warning("%s: the last %" PRId64 " bytes after seq %" PRIu64
			    " are no whole line: a start cuts them off, "
			    "unless a cekd writes there just now",
			segment->name, (int64_t)(size - whole), head->seq);
		return;
	}
	log_warning("%s: cutting off the last %" PRId64 " bytes after seq %" PRIu64 ", which a crash left unfinished",
		segment->name, (int64_t)(size - whole), head->seq);
	if (ftruncate(segment->fd, whole) < 0)
		segment_refuse(segment, ": cannot cut off an unfinished line: %s", strerror(errno));
	segment->unsynced = true;
}

/* A regular file with a size; otherwise refused. */
static bool measure(struct segment *segment, off_t *ret_size)
{
	struct stat st;

	if (fstat(segment->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		segment_refuse(segment, ": not a regular file");
		return false;
	}
	*ret_size = st.st_size;
	return true;
}

int segment_follow(struct segment *segment, bool last, chain_line_fn *line, void *userdata)
{
	const struct chain_head from = segment->head;
	const off_t offset = segment->size;
	struct chain_result result;
	off_t size;
	int r;

	if (segment->refused || !measure(segment, &size))
		return 0;
	if (lseek(segment->fd, offset, SEEK_SET) < 0) {
		segment_refuse(segment, ": cannot be read: %s", strerror(errno));
		return 0;
	}
	r = chain_verify(segment->fd, &from, NULL, line, userdata, &result);
	if (r == -ENOMEM || r == -EBADMSG)
		return r;
	if (r < 0)
		segment_refuse(segment, ": cannot be read: %s", strerror(-r));
	else if (result.fault != CHAIN_GOOD)
		segment_refuse(segment,
			":%" PRIu64
			": %s; nothing was changed: find out who wrote there, then restore the file (cekd-journal(5))",
			from.seq + result.bad_line, result.why);
	else
		settle(segment, offset + (off_t)result.whole_bytes, last ? size : -1, &result.whole);
	return 0;
}

int segment_recover(struct segment *segment, chain_line_fn *line, void *userdata)
{
	segment->size = 0;
	segment->head = chain_start();
	return segment_follow(segment, true, line, userdata);
}

/* The first whole line in text, which begins somewhere inside a line: where it starts and what it continues. */
static bool first_link(const char *text, size_t len, off_t *ret_offset, struct chain_head *ret_from)
{
	const char *start = memchr(text, '\n', len), *end;
	char why[CHAIN_WHY_MAX];
	struct chain_head from;
	const char *prev;
	json_int_t seq;
	json_t *object;
	bool good;

	if (!start)
		return false;
	start++;
	end = memchr(start, '\n', len - (size_t)(start - text));
	object = end ? chain_line_parse(start, (size_t)(end - start), why) : NULL;
	prev = json_string_value(json_object_get(object, "prev"));
	seq = json_integer_value(json_object_get(object, "seq"));
	good = prev && chain_hash_valid(prev) && seq > 0;
	if (good) {
		from.seq = (uint64_t)seq - 1;
		memcpy(from.hash, prev, sizeof(from.hash));
		*ret_offset += start - text;
		*ret_from = from;
	}
	json_decref(object);
	return good;
}

int segment_seek_tail(struct segment *segment)
{
	const size_t window = 2 * CHAIN_LINE_MAX + 2; /* at least one newline and one whole line after it */
	struct chain_head from;
	off_t size, offset;
	char *text;
	ssize_t n;
	bool good;

	if (!measure(segment, &size) || size <= SEGMENT_TAIL)
		return 0;
	text = malloc(window);
	if (!text)
		return log_origin(-ENOMEM);
	offset = size - SEGMENT_TAIL;
	n = pread(segment->fd, text, window, offset);
	good = n > 0 && first_link(text, (size_t)n, &offset, &from);
	free(text);
	if (!good) {
		segment_refuse(segment, ": no whole line in the last %d bytes; restore the file (cekd-journal(5))",
			SEGMENT_TAIL);
		return 0;
	}
	segment->size = offset;
	segment->head = from;
	return 0;
}

int segment_recover_tail(struct segment *segment, chain_line_fn *line, void *userdata)
{
	const int r = segment_seek_tail(segment);

	return r < 0 ? r : segment_follow(segment, true, line, userdata);
}

int segment_read(struct segment *segment, chain_line_fn *line, void *userdata)
{
	struct chain_result result;
	int r;

	if (lseek(segment->fd, 0, SEEK_SET) < 0)
		return log_origin(-errno);
	r = chain_verify(segment->fd, NULL, &segment->head, line, userdata, &result);
	if (r < 0)
		return r;
	if (result.fault == CHAIN_GOOD && segment->read_only)
		return 0; /* whoever is writing there may go on */
	if (result.fault != CHAIN_GOOD || result.head.seq != segment->head.seq) {
		segment_refuse(segment, ": was changed by somebody else while cekd runs (%s)",
			result.why[0] ? result.why : "lines were added");
		return -EBADMSG;
	}
	return 0;
}

static int write_whole(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What stands after the whole lines is the rest of our own write. A file that became shorter must not grow by this. */
static int cut(struct segment *segment)
{
	struct stat st;

	segment->leftover = true;
	if (fstat(segment->fd, &st) < 0 || (st.st_size > segment->size && ftruncate(segment->fd, segment->size) < 0))
		return -errno;
	segment->leftover = false;
	return 0;
}

int segment_look(struct segment *segment)
{
	char why[PLACE_WHY_MAX];
	struct stat st;

	if (segment->read_only)
		return 0;
	if (segment->refused)
		return -EROFS;
	if (fstat(segment->fd, &st) < 0) {
		segment_fail(segment, ": cannot be looked at: %s", strerror(errno));
		return -ESTALE;
	}
	if (place_look(&segment->place, segment->fd, &st, why) < 0) {
		segment_fail(segment, "%s", why);
		return -ESTALE;
	}
	if (st.st_size == segment->size || (st.st_size > segment->size && segment->leftover))
		return 0;
	segment_refuse(segment,
		": was %s by somebody else while cekd runs (%" PRId64 " bytes, not %" PRId64 "): restore the file "
		"(cekd-journal(5)), then restart cekd",
		st.st_size < segment->size ? "cut short" : "written", (int64_t)st.st_size, (int64_t)segment->size);
	return -EROFS;
}

static void trouble_is_over(struct segment *segment)
{
	if (segment->trouble[0])
		log_info("%s: can be written again", segment->name);
	segment->trouble[0] = 0;
}

int segment_write(struct segment *segment)
{
	int r;

	if (segment->refused)
		return -EROFS;
	if (segment->gathered.text.len == 0)
		return 0;
	testhook_step("journal.before-write");
	r = segment_look(segment);
	if (r == 0 && segment->leftover)
		r = cut(segment);
	if (r < 0)
		return r;
	r = write_whole(segment->fd, segment->gathered.text.data, segment->gathered.text.len);
	if (r < 0) {
		int cut_off = cut(segment);

		segment_fail(segment, ": cannot be written: %s; cekd tries again every second", strerror(-r));
		if (cut_off < 0)
			log_error("%s: cannot cut off a half-written line: %s", segment->name, strerror(-cut_off));
		return r;
	}
	testhook_step("journal.after-write");
	segment->size += (off_t)segment->gathered.text.len;
	segment->head = segment->gathered.next;
	segment->gathered.text.len = 0;
	segment->unsynced = true;
	trouble_is_over(segment);
	return 0;
}

/* The blank block that it writes and cuts off again is no line: if a crash leaves it, recovery cuts it off. */
void segment_probe(struct segment *segment)
{
	char block[PROBE_SIZE];
	int r;

	if (segment_look(segment) < 0 || cut(segment) < 0)
		return;
	memset(block, ' ', sizeof(block));
	r = write_whole(segment->fd, block, sizeof(block));
	if (cut(segment) == 0 && r == 0)
		trouble_is_over(segment);
}

void segment_drop(struct segment *segment)
{
	lines_drop(&segment->gathered, &segment->head);
}

int segment_sync(struct segment *segment)
{
	int r;

	if (segment->refused)
		return -EROFS;
	if (!segment->unsynced)
		return 0;
	do {
		r = fdatasync(segment->fd);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		r = -errno;
		segment_refuse(segment,
			": fdatasync: %s; what is on disk is no longer certain: check the disk, then restart cekd",
			strerror(-r));
		return r;
	}
	r = segment_look(segment); /* on disk, but perhaps under no name */
	if (r < 0)
		return r;
	segment->unsynced = false;
	return 0;
}

void segment_cut_back(struct segment *segment, off_t size, const struct chain_head *head)
{
	struct stat st;
	bool ours = fstat(segment->fd, &st) == 0 && st.st_size == segment->size;
	int r;

	segment->size = size;
	segment->head = segment->gathered.next = *head;
	segment->unsynced = true; /* that they are gone again */
	r = ours ? cut(segment) : 0;
	if (!ours || r < 0)
		log_error("%s: cannot take back records that did not become durable: %s", segment->name,
			ours ? strerror(-r) : "somebody else has changed it");
}
