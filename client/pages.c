/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h, cek_public_keys(): pages put together. */
#include "client/pages.h"

#include <stdlib.h>
#include <string.h>

#include "client/result.h"
#include "client/wire.h"

enum {
	NEXT_MAX = 128,      /* bytes of PublicKeysReply.next (cek.proto) */
	BYTES_MAX = 4 << 20, /* of packed entries: some 6,000 of RSA-4096, 20,000 of elliptic curves */
	PAGES_MAX = 1024,    /* of one set; a page of cekd is as long as a frame, unless it is the last */
	RESTARTS_MAX = 16,
	RESULT_FIELD = 32, /* Reply.public_keys */
	AROUND = 64,       /* bytes around the entries */
	/* A cekd without pages gave no more entries and bytes, and left out the rest; an entry is below 2048 bytes. */
	OLD_ENTRIES = 512,
	OLD_BYTES = 65536 - 1024 - 2048,
};

struct pages {
	const char **names;
	size_t n_names;
	char next[NEXT_MAX + 1]; /* "": the first page */
	uint64_t epoch;
	unsigned n_pages, n_restarts;
	uint8_t *entries; /* as they stand in PublicKeysReply */
	size_t len;
};

static const struct cek_result too_many = {
	.status = CEK_TOO_LARGE,
	.message = "more public keys than libcek takes at once: name fewer keys",
};
static const struct cek_result perhaps_cut = {
	.status = CEK_TOO_LARGE,
	.message = "this cekd is older than libcek and may have left out public keys: name fewer keys, or update cekd",
};
static const struct cek_result unsteady = {
	.status = CEK_UNAVAILABLE,
	.message = "the keys changed again and again while their public halves were read: try again",
};

struct pages *pages_free(struct pages *pages)
{
	if (!pages)
		return NULL;
	free(pages->entries);
	free(pages->names);
	free(pages);
	return NULL;
}

struct pages *pages_new(const struct cek_public_keys *args)
{
	struct pages *pages = calloc(1, sizeof(*pages));
	size_t size = 1;
	char *text;

	for (size_t i = 0; i < args->n_keys; i++)
		size += sizeof(*pages->names) + strlen(args->keys[i]) + 1;
	if (pages)
		pages->names = malloc(size);
	if (!pages || !pages->names)
		return pages_free(pages);
	text = (char *)(pages->names + args->n_keys);
	for (size_t i = 0; i < args->n_keys; i++) {
		pages->names[i] = text;
		text = stpcpy(text, args->keys[i]) + 1;
	}
	pages->n_names = args->n_keys;
	return pages;
}

void pages_ask(const struct pages *pages, struct request *ret_request)
{
	Cek__V1__GetPublicKeysRequest *body = &ret_request->body.get_public_keys;

	*ret_request = (struct request){.message = CEK__V1__REQUEST__INIT, .kind = CALL_PUBLIC_KEYS, .again = true};
	cek__v1__get_public_keys_request__init(body);
	body->key = (char **)(uintptr_t)pages->names;
	body->n_key = pages->n_names;
	body->pages = true;
	body->after = pack_text(pages->next);
	ret_request->message.op_case = CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS;
	ret_request->message.get_public_keys = body;
}

/* Answer with one of the constants above. */
static int give_up(const struct cek_result *why, cek_result *result, cek_result **ret_result)
{
	cek_result_free(result);
	*ret_result = (cek_result *)(uintptr_t)why;
	return CEK_OK;
}

/* The keys have changed since the page before: what was read is no set that ever was. */
static int restart(struct pages *pages, cek_result *result, cek_result **ret_result)
{
	if (pages->n_restarts++ == RESTARTS_MAX)
		return give_up(&unsteady, result, ret_result);
	pages->next[0] = '\0';
	pages->len = pages->n_pages = 0;
	cek_result_free(result);
	*ret_result = NULL;
	return CEK_OK;
}

static bool is_perhaps_cut(const Cek__V1__PublicKeysReply *page)
{
	size_t size = 0;

	for (size_t i = 0; i < page->n_entry; i++)
		size += cek__v1__public_key_entry__get_packed_size(page->entry[i]) + 8;
	return page->n_entry >= OLD_ENTRIES || size > OLD_BYTES;
}

/* Whoever says that the set goes on has to bring something and to move on. */
static bool gets_on(const struct pages *pages, const Cek__V1__PublicKeysReply *page)
{
	if (page->next[0] == '\0')
		return page->end;
	return !page->end && page->n_entry > 0 && strlen(page->next) <= NEXT_MAX &&
		strcmp(page->next, pages->next) != 0 && pages->n_pages < PAGES_MAX;
}

/* CEK_OK, CEK_E_NOMEM, or CEK_TOO_LARGE. */
static int append(struct pages *pages, const Cek__V1__PublicKeysReply *page)
{
	Cek__V1__PublicKeysReply entries = CEK__V1__PUBLIC_KEYS_REPLY__INIT;
	uint8_t *grown;
	size_t size;

	entries.entry = page->entry;
	entries.n_entry = page->n_entry;
	size = cek__v1__public_keys_reply__get_packed_size(&entries);
	if (pages->len + size > BYTES_MAX)
		return CEK_TOO_LARGE;
	grown = realloc(pages->entries, pages->len + size + 1);
	if (!grown)
		return CEK_E_NOMEM;
	pages->entries = grown;
	pages->len += cek__v1__public_keys_reply__pack(&entries, grown + pages->len);
	return CEK_OK;
}

/* The reply that would have come if a frame had no bound. */
static int put_together(const struct pages *pages, struct slots *slots, const cek_result *last, cek_result **ret_result)
{
	Cek__V1__PublicKeysReply tail = CEK__V1__PUBLIC_KEYS_REPLY__INIT;
	Cek__V1__Reply head = CEK__V1__REPLY__INIT;
	uint8_t *packed = malloc(pages->len + AROUND), *to = packed;
	int status;

	if (!packed)
		return CEK_E_NOMEM;
	tail.end = true;
	tail.age_case = last->reply->public_keys->age_case;
	tail.max_age = last->reply->public_keys->max_age;
	head.id = last->reply->id;
	head.status = last->reply->status;
	head.epoch = last->reply->epoch;
	to += cek__v1__reply__pack(&head, to);
	to += wire_put_varint(to, RESULT_FIELD << 3 | 2);
	to += wire_put_varint(to, pages->len + cek__v1__public_keys_reply__get_packed_size(&tail));
	memcpy(to, pages->entries, pages->len);
	to += pages->len;
	to += cek__v1__public_keys_reply__pack(&tail, to);
	status = result_parse(slots, packed, (size_t)(to - packed), ret_result);
	free(packed);
	return status;
}

static int go_on(struct pages *pages, struct slots *slots, cek_result *result, cek_result **ret_result)
{
	const Cek__V1__PublicKeysReply *page = result->reply->public_keys;
	int status = append(pages, page);

	if (status == CEK_TOO_LARGE)
		return give_up(&too_many, result, ret_result);
	if (status == CEK_OK && page->end)
		status = put_together(pages, slots, result, ret_result);
	else if (status == CEK_OK)
		*ret_result = NULL;
	strcpy(pages->next, page->next);
	pages->epoch = result->epoch;
	pages->n_pages++;
	cek_result_free(result);
	return status;
}

int pages_take(struct pages *pages, struct slots *slots, cek_result *result, cek_result **ret_result)
{
	bool first = pages->next[0] == '\0';
	const Cek__V1__PublicKeysReply *page;

	if (result->status == CEK_CONFLICT && !first)
		return restart(pages, result, ret_result);
	*ret_result = result;
	if (result->status != CEK_OK)
		return CEK_OK;
	if (!first && result->epoch != pages->epoch)
		return restart(pages, result, ret_result);
	page = result->reply->public_keys;
	if (first && page->next[0] == '\0' && !page->end && is_perhaps_cut(page))
		return give_up(&perhaps_cut, result, ret_result);
	if (first && page->next[0] == '\0')
		return CEK_OK;
	if (!gets_on(pages, page)) {
		cek_result_free(result);
		return CEK_E_PROTOCOL;
	}
	return go_on(pages, slots, result, ret_result);
}
