/* cekctl key list: every version of every key that this peer may see, a line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cek.pb-c.h"
#include "client/cekctl/args.h"
#include "client/cekctl/keys.h"
#include "client/cekctl/output.h"
#include "client/cekctl/rpc.h"
#include "client/cekctl/verb.h"
#include "proto/alg.h"

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
		const char *const cells[] = {key->name, key->alg, describe_kind(key, kind), number, state,
					     version->kid, unwraps, output_time(version->last_used, last)};

		snprintf(number, sizeof(number), "%u", version->number);
		snprintf(unwraps, sizeof(unwraps), "%llu", (unsigned long long)version->unwraps);
		snprintf(state, sizeof(state), "%s%s", keys_state(version->state), version->missing ? " (missing)" : "");
		table_row(table, cells);
	}
}

/* One page; after gets the name of its last key. */
static int list_page(struct ctl *ctl, char after[KEY_NAME_MAX + 1], struct table *table, json_t *array, bool *ret_more)
{
	Cek__V1__ListKeysRequest list = CEK__V1__LIST_KEYS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	int r;

	list.after = after;
	request.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	request.list_keys = &list;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_LIST_KEYS, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	for (size_t i = 0; i < reply->list_keys->n_key; i++) {
		const Cek__V1__Key *key = reply->list_keys->key[i];

		add_rows(table, key);
		json_array_append_new(array, keys_json(key));
		snprintf(after, KEY_NAME_MAX + 1, "%s", key->name);
	}
	*ret_more = reply->list_keys->more && reply->list_keys->n_key > 0;
	rpc_reply_free(reply);
	return r;
}

int keys_print_list(struct ctl *ctl)
{
	static const char *const head[] = {"NAME", "ALG", "KIND", "VERSION", "STATE", "KID", "UNWRAPS", "LAST USED", NULL};
	char after[KEY_NAME_MAX + 1] = "";
	struct table *table;
	json_t *array;
	bool more = true;
	int r = EXIT_SUCCESS;

	table = table_new(head);
	array = json_array();
	while (r == EXIT_SUCCESS && more)
		r = list_page(ctl, after, table, array, &more);
	if (r == EXIT_SUCCESS && ctl->json)
		r = output_json(ctl, json_pack("{s:O}", "keys", array));
	else if (r == EXIT_SUCCESS)
		table_print(table, "");
	json_decref(array);
	table_free(table);
	return r;
}

int verb_key_list(struct ctl *ctl, int argc, char **argv)
{
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 0, 0, &words);

	return r == ARGS_GO ? keys_print_list(ctl) : args_exit(r);
}
