/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateways/nginx/deny.h"

static const char *const claims[] = {"jti", "sub", "sid"};

enum { CLAIMS = sizeof(claims) / sizeof(claims[0]), CLAIM_LEN = 3 };

struct entry {
	size_t claim; /* of claims */
	struct cek_bytes value;
};

struct list {
	char *text; /* what the entries point to */
	size_t n;
	struct entry entries[];
};

static int compare(const void *one, const void *other)
{
	const struct entry *a = one, *b = other;

	if (a->claim != b->claim)
		return a->claim < b->claim ? -1 : 1;
	if (a->value.len != b->value.len)
		return a->value.len < b->value.len ? -1 : 1;
	return memcmp(a->value.data, b->value.data, a->value.len);
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
	list->entries[list->n++] = entry;
	return true;
}

static struct list *list_new(const char *text, size_t len)
{
	size_t lines = 0, i;
	struct list *list;

	for (i = 0; i < len; i++)
		lines += text[i] == '\n';
	list = malloc(sizeof(*list) + lines * sizeof(list->entries[0]));
	if (!list)
		return NULL;
	list->n = 0;
	list->text = malloc(len + 1);
	if (!list->text) {
		free(list);
		return NULL;
	}
	memcpy(list->text, text, len);
	return list;
}

static void list_free(void *content)
{
	struct list *list = content;

	free(list->text);
	free(list);
}

static const char *parse(const struct ngx_cekd_file *file, const char *text, size_t len, void **ret_content, char *why,
	size_t why_size)
{
	struct list *list;
	const char *line, *end;
	size_t number = 0;

	/* So that a list that somebody is still writing is not taken for a whole one. */
	if (len > 0 && text[len - 1] != '\n')
		return "its last line has no end, as of a list that is still being written: end it with a line feed";
	list = list_new(text, len);
	if (!list)
		return "no memory";
	for (line = list->text; line < list->text + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(list->text + len - line));
		number++;
		if (!read_line(list, line, end)) {
			snprintf(why, why_size, "line %zu is none of \"jti VALUE\", \"sub VALUE\", \"sid VALUE\"",
				number);
			list_free(list);
			return why;
		}
	}
	qsort(list->entries, list->n, sizeof(list->entries[0]), compare);
	*ret_content = list;
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
		if (value.type != CEK_JWT_NONE && value.type != CEK_JWT_NULL &&
			bsearch(&entry, list->entries, list->n, sizeof(entry), compare))
			return true;
	}
	return false;
}

const struct ngx_cekd_file_kind ngx_cekd_denied = {"a deny list", parse, list_free};
