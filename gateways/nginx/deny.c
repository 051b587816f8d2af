/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateways/nginx/deny.h"
#include "gateways/nginx/files.h"

static const char *const claims[] = {"jti", "sub", "sid"};

enum { CLAIMS = sizeof(claims) / sizeof(claims[0]), CLAIM_LEN = 3, LINES = 4096 /* read at a time */ };

struct entry {
	size_t claim; /* of claims */
	struct cek_bytes value;
};

/* A table that is never more than half full, and is searched from where the hash says on. */
struct list {
	char *text; /* what the entries point to */
	const char *at, *end;
	size_t line; /* number of the one before at */
	size_t mask; /* places less one: a power of two less one */
	uint64_t seed;
	struct entry *entries;
};

/* FNV-1a from an unknown start. */
static size_t hash(const struct list *list, const struct entry *entry)
{
	const uint8_t *c = entry->value.data;
	uint64_t sum = list->seed + entry->claim;

	for (size_t i = 0; i < entry->value.len; i++)
		sum = (sum ^ c[i]) * 0x100000001b3;
	return (size_t)(sum ^ sum >> 32);
}

static bool equal(const struct entry *a, const struct entry *b)
{
	return a->claim == b->claim && a->value.len == b->value.len &&
		memcmp(a->value.data, b->value.data, a->value.len) == 0;
}

/* The place of this entry, or an empty one for it. */
static struct entry *place_of(const struct list *list, const struct entry *entry)
{
	size_t i = hash(list, entry) & list->mask;

	while (list->entries[i].value.data && !equal(&list->entries[i], entry))
		i = (i + 1) & list->mask;
	return &list->entries[i];
}

/* false: the line is none of a deny list. */
static bool read_line(struct list *list, const char *line, const char *end)
{
	struct entry entry = {.claim = 0};

	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	if (line == end || *line == '#')
		return true;
	while (entry.claim < CLAIMS &&
		((size_t)(end - line) < CLAIM_LEN || memcmp(line, claims[entry.claim], CLAIM_LEN) != 0))
		entry.claim++;
	line += CLAIM_LEN;
	if (entry.claim == CLAIMS || line >= end || (*line != ' ' && *line != '\t'))
		return false;
	while (*line == ' ' || *line == '\t')
		line++;
	entry.value = (struct cek_bytes){line, (size_t)(end - line)};
	*place_of(list, &entry) = entry;
	return true;
}

static void list_free(void *content)
{
	struct list *list = content;

	free(list->entries);
	free(list->text);
	free(list);
}

static struct list *list_new(const char *text, size_t len)
{
	struct list *list = calloc(1, sizeof(*list));
	size_t lines = 0, places = 2;

	if (!list)
		return NULL;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	while (places < 2 * lines)
		places *= 2;
	list->mask = places - 1;
	list->entries = calloc(places, sizeof(*list->entries));
	if (!list->entries || getrandom(&list->seed, sizeof(list->seed), 0) != (ssize_t)sizeof(list->seed)) {
		list_free(list);
		return NULL;
	}
	return list;
}

static const char *parse(const struct ngx_cekd_file *file, const char *text, size_t len, void **ret_content, char *why,
	size_t why_size)
{
	struct list *list;

	/* So that a list that somebody is still writing is not taken for a whole one. */
	if (len > 0 && text[len - 1] != '\n')
		return "its last line has no end, as of a list that is still being written: end it with a line feed";
	list = list_new(text, len);
	if (!list)
		return ngx_cekd_no_memory;
	list->text = (char *)(uintptr_t)text;
	list->at = text;
	list->end = text + len;
	*ret_content = list;
	return NULL;
}

static const char *more(void *content, bool *ret_done, char *why, size_t why_size)
{
	struct list *list = content;

	for (size_t n = 0; n < LINES && list->at < list->end; n++) {
		const char *end = memchr(list->at, '\n', (size_t)(list->end - list->at));

		list->line++;
		if (!read_line(list, list->at, end)) {
			snprintf(why, why_size, "line %zu is none of \"jti VALUE\", \"sub VALUE\", \"sid VALUE\"",
				list->line);
			return why;
		}
		list->at = end + 1;
	}
	*ret_done = list->at == list->end;
	return NULL;
}

bool ngx_cekd_deny(const void *content, const cek_jwt *jwt)
{
	const struct list *list = content;
	struct entry entry;

	for (entry.claim = 0; entry.claim < CLAIMS; entry.claim++) {
		const char *const path[] = {claims[entry.claim], NULL};
		struct cek_jwt_value value = cek_jwt_claim(jwt, path);

		entry.value = value.text;
		if (value.type != CEK_JWT_NONE && value.type != CEK_JWT_NULL && place_of(list, &entry)->value.data)
			return true;
	}
	return false;
}

const struct ngx_cekd_file_kind ngx_cekd_denied = {"a deny list", parse, list_free, more};
