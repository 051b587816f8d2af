/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/check.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

typedef Cek__Internal__V1__Checked Checked;

/* What the last records say. */
struct last {
	struct law *law;
	uint64_t time;
	char file[STORE_WHY_MAX]; /* which file the journal was when it was opened or confirmed last */
};

static int note_record(void *userdata, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *head)
{
	struct last *last = userdata;
	const int r = last->law ? law_read(last->law, record, head) : 0;

	if (r < 0)
		return r;
	last->time = record->time;
	if (record->file[0] != '\0')
		(void)snprintf(last->file, sizeof(last->file), "%s", record->file);
	return 0;
}

static void add(struct check *check, Checked *checked, const char *what, const char *text, bool warning)
{
	Cek__Internal__V1__Checked__Found *found = &check->found[checked->n_found];

	cek__internal__v1__checked__found__init(found);
	found->what = (char *)(uintptr_t)what;
	found->text = (char *)(uintptr_t)text;
	found->warning = warning;
	check->pointers[checked->n_found++] = found;
	checked->found = check->pointers;
}

/* A start would go on, and then wait for an operator. True if it has warned. */
static bool warn_of_restore(const struct store_state *keys, const struct last *last, bool outlived)
{
	const bool other = last->file[0] != '\0' && keys->identity[0] != '\0' &&
		strcmp(last->file, keys->identity) != 0;

	if (outlived)
		log_warning("audit.jsonl knows of a longer life of the keys than keys.jsonl: no CEK is served until an "
			    "operator confirms it (cekctl restore show)");
	else if (other)
		log_warning(
			"keys.jsonl is not the file that cekd wrote last, but a copy of it: no CEK is served until an "
			"operator confirms it (cekctl restore show)");
	return outlived || other;
}

const char *check_trouble(const struct serve *serve)
{
	if (!store_state(serve->store).ok)
		return store_state(serve->store).text;
	return audit_state(serve->audit).ok ? NULL : audit_state(serve->audit).text;
}

int check_fill(struct check *check, const struct serve *serve, Checked *checked)
{
	const struct store_state keys = store_state(serve->store);
	struct last last = {.law = serve->law};
	bool warned;
	int r = store_read_from(serve->store, 1, note_record, &last);

	if (r < 0)
		return r;
	warned = warn_of_restore(&keys, &last, serve->evidence->outlived);
	if (serve->law && law_says(serve->law)[0] != '\0') {
		log_warning("%s", law_says(serve->law));
		warned = true;
	}
	(void)snprintf(check->keys, sizeof(check->keys), "keys.jsonl is whole: %" PRIu64 " records", keys.head.seq);
	add(check, checked, "journal of keys", check->keys, warned);
	add(check, checked, "audit journal", "audit.jsonl: its last lines are whole (all: cekctl audit verify)", false);
	add(check, checked, "sandbox of journal", serve->sandbox, false);
	checked->last_time = last.time;
	return 0;
}
