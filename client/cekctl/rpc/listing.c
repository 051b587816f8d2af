/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/listing.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/table.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/versions.h"
#include "proto/alg.h"

enum {
	KEYS_MAX = 1 << 17, /* a daemon cannot make us keep more */
	COLUMN_KIND = 2,
	COLUMN_STATE = 4,
	COLUMN_UNWRAPS = 6,
	COLUMN_LAST_USED = 7,
};

static const char *describe_kind(const Cek__V1__Key *key, char text[32])
{
	if (key->bits)
		snprintf(text, 32, "%u bits", key->bits);
	else
		snprintf(text, 32, "%s", key->crv);
	return text;
}

static void add_rows(struct table *table, const Cek__V1__Key *key)
{
	for (size_t i = 0; i < key->n_version; i++) {
		const Cek__V1__Version *version = key->version[i];
		char kind[32], number[16], unwraps[24], last[OUTPUT_TIME], state[64];
		const char *const cells[] = {key->name, key->alg, describe_kind(key, kind), number, state, version->kid,
			unwraps, output_time(version->last_used, last)};

		snprintf(number, sizeof(number), "%u", version->number);
		snprintf(unwraps, sizeof(unwraps), "%llu", (unsigned long long)version->unwraps);
		snprintf(state, sizeof(state), "%s%s", keys_state(version->state),
			version->missing ? " (missing)" : "");
		table_row(table, cells);
	}
}

/* Where the list is read to: the key that came last. */
struct cursor {
	listing_key *each;
	void *data;
	char after[KEY_NAME_MAX + 1];
	size_t n_keys;
};

static int give_key(struct ctl *ctl, struct cursor *cursor, const Cek__V1__Key *key)
{
	Cek__V1__Reply *whole = NULL;
	int r = EXIT_SUCCESS;

	if (cursor->n_keys++ == KEYS_MAX)
		return ctl_fail_as(ctl, cek_status_name(CEK_E_PROTOCOL), NULL, "more than %d keys", KEYS_MAX);
	if (key->before > 0)
		r = versions_describe(ctl, key->name, NULL, true, &whole);
	if (r == EXIT_SUCCESS)
		r = cursor->each(ctl, whole ? whole->key->key : key, cursor->data);
	rpc_reply_free(whole);
	return r;
}

/* The names have to ascend, and each page brings some: else there would be no end. */
static int give_page(struct ctl *ctl, struct cursor *cursor, const Cek__V1__ListKeysReply *page)
{
	int r = EXIT_SUCCESS;

	if (page->more && page->n_key == 0)
		return rpc_fail_protocol(ctl, "cekd says that there are more keys and does not give them");
	for (size_t i = 0; r == EXIT_SUCCESS && i < page->n_key; i++) {
		const char *name = page->key[i]->name;

		if (strcmp(name, cursor->after) <= 0 || strlen(name) > KEY_NAME_MAX)
			return rpc_fail_protocol(ctl, "cekd's list of keys is out of order");
		strcpy(cursor->after, name);
		r = give_key(ctl, cursor, page->key[i]);
	}
	return r;
}

static int list_page(struct ctl *ctl, struct cursor *cursor, bool *ret_more)
{
	Cek__V1__ListKeysRequest page = CEK__V1__LIST_KEYS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	int r;

	page.after = cursor->after;
	request.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	request.list_keys = &page;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_LIST_KEYS, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	r = give_page(ctl, cursor, reply->list_keys);
	*ret_more = reply->list_keys->more;
	rpc_reply_free(reply);
	return r;
}

int listing_each(struct ctl *ctl, listing_key *each, void *data)
{
	struct cursor cursor = {.each = each, .data = data};
	bool more = true;
	int r = EXIT_SUCCESS;

	waiting_begin("reading the list of keys");
	while (r == EXIT_SUCCESS && more)
		r = list_page(ctl, &cursor, &more);
	waiting_end();
	return r;
}

struct list {
	struct table *table;
	json_t *array;
};

static int add_key(struct ctl *ctl, const Cek__V1__Key *key, void *data)
{
	struct list *list = data;

	versions_warn(ctl, key);
	if (ctl->names) {
		output_text(key->name);
		putchar('\n');
	} else if (ctl->json) {
		json_array_append_new(list->array, keys_json(key));
	} else {
		add_rows(list->table, key);
	}
	return EXIT_SUCCESS;
}

int listing_print(struct ctl *ctl)
{
	static const char *const head[] = {"NAME", "ALG", "KIND", "VERSION", "STATE", "KID", "UNWRAPS", "LAST USED",
		NULL};
	struct list list = {.table = table_new(head), .array = json_array()};
	int r;

	table_colour(list.table, COLUMN_STATE);
	table_optional(list.table, COLUMN_KIND);
	table_optional(list.table, COLUMN_UNWRAPS);
	table_optional(list.table, COLUMN_LAST_USED);
	r = listing_each(ctl, add_key, &list);
	if (r == EXIT_SUCCESS && ctl->json)
		r = output_json(ctl, json_pack("{s:O}", "keys", list.array));
	else if (r == EXIT_SUCCESS && !ctl->names)
		table_print(list.table, "");
	json_decref(list.array);
	table_free(list.table);
	return r;
}
