/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/lines.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/journal/record.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

int lines_init(struct lines *lines)
{
	*lines = (struct lines){.next = chain_start()};
	return chain_hasher_new(&lines->hasher);
}

void lines_deinit(struct lines *lines)
{
	lines->hasher = chain_hasher_free(lines->hasher);
	text_deinit(&lines->text);
}

void lines_drop(struct lines *lines, const struct chain_head *head)
{
	lines->text.len = 0;
	lines->next = *head;
}

int lines_done(struct lines *lines, size_t start)
{
	struct text *text = &lines->text;
	char hash[CHAIN_HEX + 1];
	int r;

	r = chain_hash(lines->hasher, text->data + start, text->len - start, hash);
	if (r == 0) {
		text_raw(text, "\n", 1);
		r = text->error;
	}
	if (r < 0) {
		text->len = start;
		text->error = 0;
		return r;
	}
	lines->next.seq++;
	memcpy(lines->next.hash, hash, sizeof(hash));
	return 0;
}

const char *lines_error(int error)
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
static bool readable(const struct text *text, size_t start, const KeyRecord *record, struct arena *arena)
{
	char why[CHAIN_WHY_MAX];
	KeyRecord *copy;
	json_t *object;
	bool good;

	object = chain_line_parse(text->data + start, text->len - start, why);
	arena_reset(arena);
	good = object && record_read_key(object, arena, &copy, why) == 0 &&
		cek__internal__v1__key_record__get_packed_size(record) <= STORE_RECORD_MAX;
	json_decref(object);
	return good;
}

int lines_add_keys(struct lines *lines, KeyRecord *const *records, size_t n, struct arena *arena,
	char why[STORE_WHY_MAX])
{
	if (n == 0) {
		snprintf(why, STORE_WHY_MAX, "no records");
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		size_t start = lines->text.len;
		int r = records[i]->type[0] && records[i]->time ? 0 : -EINVAL;

		records[i]->more = i + 1 < n;
		if (r == 0)
			r = record_write_key(&lines->text, records[i], &lines->next);
		if (r == 0 && !readable(&lines->text, start, records[i], arena))
			r = -ERANGE;
		if (r == 0)
			r = lines_done(lines, start);
		if (r < 0) {
			snprintf(why, STORE_WHY_MAX, "record %zu of %zu (%.32s) %s", i + 1, n, records[i]->type,
				lines_error(r));
			return r;
		}
		records[i]->seq = lines->next.seq;
	}
	return 0;
}
