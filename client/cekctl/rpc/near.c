/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/near.h"

#include <stdio.h>
#include <string.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/suggest.h"
#include "client/cekctl/rpc/denied.h"
#include "client/cekctl/rpc/quiet.h"
#include "proto/alg.h"

enum {
	PAGES_MAX = 100,
	SHOWN_MAX = 8, /* names that a hint lists, */
	SHOWN_BYTES = 400,
};

/* ---- values of a closed list --------------------------------------------------------------------------------------
 */

const char *near_value(const char *kind, size_t i)
{
	if (strcmp(kind, "ALG") == 0)
		return alg_row(i) ? alg_row(i)->name : NULL;
	if (strcmp(kind, "ENC") == 0)
		return enc_row(i) ? enc_row(i)->name : NULL;
	if (strcmp(kind, "OP") == 0)
		return denied_row(i);
	return strcmp(kind, "CRV") == 0 && curve_row(i) ? curve_row(i)->name : NULL;
}

static bool is_value(const char *kind, const char *word)
{
	const char *value;

	for (size_t i = 0; (value = near_value(kind, i)) != NULL; i++)
		if (strcmp(value, word) == 0)
			return true;
	return strcmp(kind, "ALG") == 0 && alg_refusal(word);
}

bool near_no_value(const char *kind, const char *word, char hint[REACH_TEXT])
{
	struct suggestion suggestion;
	const char *value;
	size_t n = 0;

	if (!near_value(kind, 0) || is_value(kind, word))
		return false;
	suggest_begin(&suggestion, word);
	for (size_t i = 0; (value = near_value(kind, i)) != NULL; i++) {
		suggest_try(&suggestion, value, value);
		if (n < REACH_TEXT)
			n += (size_t)snprintf(hint + n, REACH_TEXT - n, "%s%s", i == 0 ? "there are: " : ", ", value);
	}
	if (suggestion.best)
		snprintf(hint, REACH_TEXT, "did you mean %s?", suggestion.best);
	return true;
}

/* ---- key names ----------------------------------------------------------------------------------------------------
 */

/* A name that was typed, and what cekd lists so far. */
struct search {
	char typed[KEY_NAME_MAX + 1], best[KEY_NAME_MAX + 1];
	struct suggestion suggestion;
	bool found;
};

struct searches {
	struct search of[GIVEN_MAX];
	size_t n;
	char shown[SHOWN_BYTES];
	size_t n_shown, n_names;
};

/* NAME, or what stands before the "/" of NAME/2. */
static void begin(struct searches *searches, const struct given *given)
{
	const char *slash = strcmp(given->kind, "KID") == 0 ? strrchr(given->word, '/') : NULL;
	struct search *search = &searches->of[searches->n];
	size_t len = slash ? (size_t)(slash - given->word) : strlen(given->word);

	if ((!slash && strcmp(given->kind, "NAME") != 0) || len > KEY_NAME_MAX)
		return;
	snprintf(search->typed, sizeof(search->typed), "%.*s", (int)len, given->word);
	suggest_begin(&search->suggestion, search->typed);
	searches->n++;
}

static void look_at_name(struct searches *searches, const char *name)
{
	for (size_t i = 0; i < searches->n; i++) {
		struct search *search = &searches->of[i];

		search->found = search->found || strcmp(search->typed, name) == 0;
		suggest_try(&search->suggestion, name, name);
		if (search->suggestion.best == name) { /* which goes away with its page */
			snprintf(search->best, sizeof(search->best), "%s", name);
			search->suggestion.best = search->best;
		}
	}
	if (searches->n_names++ < SHOWN_MAX)
		searches->n_shown += (size_t)snprintf(searches->shown + searches->n_shown,
			SHOWN_BYTES - searches->n_shown, "%s%.40s", searches->n_names > 1 ? ", " : "", name);
}

static bool look_at_page(cek_conn *conn, struct searches *searches, char after[KEY_NAME_MAX + 1])
{
	Cek__V1__ListKeysRequest list = CEK__V1__LIST_KEYS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply = NULL;
	cek_result *result;
	bool more = false;

	list.after = after;
	request.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	request.list_keys = &list;
	if (quiet_request(conn, &request, CEK__V1__REPLY__RESULT_LIST_KEYS, QUIET_MS, &reply, &result) == CEK_OK) {
		const Cek__V1__ListKeysReply *keys = reply->list_keys;

		for (size_t i = 0; i < keys->n_key; i++)
			if (key_name_valid(keys->key[i]->name))
				look_at_name(searches, keys->key[i]->name);
		more = keys->more && keys->n_key > 0 && strcmp(keys->key[keys->n_key - 1]->name, after) > 0;
		if (more)
			snprintf(after, KEY_NAME_MAX + 1, "%s", keys->key[keys->n_key - 1]->name);
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	cek_result_free(result);
	return more;
}

/* A list that is denied would stand in the audit journal. */
static bool may_list(cek_conn *conn)
{
	Cek__V1__Reply *reply = quiet_explain(conn, "list", NULL);
	bool allowed = reply && reply->explain->allowed;

	if (reply)
		cek__v1__reply__free_unpacked(reply, NULL);
	return allowed;
}

static void tell_names(const struct searches *searches, char hint[REACH_TEXT])
{
	for (size_t i = 0; i < searches->n; i++) {
		const struct search *search = &searches->of[i];

		if (search->found)
			continue;
		if (search->suggestion.best)
			snprintf(hint, REACH_TEXT, "did you mean %s?", search->best);
		else if (searches->n_names <= SHOWN_MAX)
			snprintf(hint, REACH_TEXT, "the keys that you may see: %s", searches->shown);
		return;
	}
}

static void find_names(const struct ctl *ctl, char hint[REACH_TEXT])
{
	struct searches searches = {.n = 0};
	char after[KEY_NAME_MAX + 1] = "";
	cek_conn *conn = NULL; /* of its own: a callback of the other one may be what asks */

	for (size_t i = 0; i < ctl->n_given; i++)
		begin(&searches, &ctl->given[i]);
	if (searches.n == 0 || cek_conn_new(ctl->socket, &conn) != CEK_OK)
		return;
	for (int page = may_list(conn) ? 0 : PAGES_MAX; page < PAGES_MAX; page++)
		if (!look_at_page(conn, &searches, after))
			break;
	cek_conn_free(conn);
	if (searches.n_names > 0)
		tell_names(&searches, hint);
}

void near_hint(const struct ctl *ctl, int status, char hint[REACH_TEXT])
{
	if (status == CEK_UNKNOWN_KEY)
		find_names(ctl, hint);
	if (status != CEK_UNSUPPORTED && status != CEK_MALFORMED && status != CEK_E_INVALID)
		return;
	for (size_t i = 0; i < ctl->n_given; i++)
		if (near_no_value(ctl->given[i].kind, ctl->given[i].word, hint))
			return;
}
