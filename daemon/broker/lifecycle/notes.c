/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/notes.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/workers/jobs.h"

/* Append one record of cekd's own about a version. */
int notes_append(struct broker *broker, struct version *version, KeyRecord *record, void (*done)(struct append *, bool))
{
	struct note *note = calloc(1, sizeof(*note));
	int r;

	if (!note)
		return -ENOMEM;
	record->by_cekd = true;
	if (version) {
		record->key = version->key->name;
		record->kid = version->kid;
	}
	*note = (struct note){.append.done = done, .broker = broker, .version = version};
	r = journal_append(&broker->journal, &note->append, &record, 1);
	if (r < 0)
		free(note);
	return r;
}

static void on_marked(struct append *append, bool ok)
{
	struct note *note = list_entry(append, struct note, append);

	note->version->marking = false;
	free(note);
}

/* One worker has lost the object: from now on all of them look for it, so that none serves for a while what the others
 * do not. What was given out before proves nothing: it may be done with a session copy. */
static void look_anew(struct broker *broker, struct version *version)
{
	version->looked = broker->workers.next_id;
	workers_forget(&broker->workers, version->cka_id, version->cka_id_len);
}

/* A token can lose more keys at once than a user may cause lines: these are not his. */
static void tell_missing(struct broker *broker, const struct version *version, bool missing)
{
	struct user *served = quota_serve(&broker->quota, NULL);

	if (missing)
		log_error("key %s: the token has no object for version %u any more", version->key->name,
			version->number);
	else
		log_info("key %s: the object of version %u is back", version->key->name, version->number);
	(void)quota_serve(&broker->quota, served);
}

/* The same. */
static void tell_twins(struct broker *broker, const struct version *version, bool twins)
{
	struct user *served = quota_serve(&broker->quota, NULL);

	if (twins)
		log_error("key %s: the token has several keys that could be version %u; none is used until only one "
			  "is left",
			version->key->name, version->number);
	else
		log_info("key %s: the object of version %u is the only one again", version->key->name, version->number);
	(void)quota_serve(&broker->quota, served);
}

void notes_mark(struct broker *broker, struct version *version, bool missing)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	if (version->missing == missing || version->marking)
		return;
	if (missing)
		look_anew(broker, version);
	tell_missing(broker, version, missing);
	record.type = (char *)(missing ? "missing" : "found");
	version->marking = notes_append(broker, version, &record, on_marked) == 0;
}

void notes_mark_twins(struct broker *broker, struct version *version)
{
	if (version->twins)
		return;
	tell_twins(broker, version, true);
	version->twins = true;
	look_anew(broker, version);
}

void notes_seen(struct broker *broker, struct version *version, uint64_t job_id)
{
	if (job_id <= version->looked)
		return;
	notes_mark(broker, version, false);
	if (!version->twins)
		return;
	tell_twins(broker, version, false);
	version->twins = false;
}

void notes_look_for_missing(struct broker *broker)
{
	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		for (size_t j = 0; j < broker->ring.keys[i]->n_versions; j++)
			broker->ring.keys[i]->versions[j]->look_again = 0;
	}
}

static void on_confirmed(struct append *append, bool ok)
{
	struct note *note = list_entry(append, struct note, append);

	if (ok)
		log_info("the clock was confirmed: what is scheduled goes on");
	else
		log_warning("the clock was not confirmed%s%s: send SIGHUP again", append->why[0] ? ": " : "",
			append->why);
	free(note);
}

void notes_confirm_clock(struct broker *broker)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	if (!broker_clock_jumped(broker) && broker->ring.clocks.away == 0)
		return;
	record.type = (char *)"clock";
	notes_append(broker, NULL, &record, on_confirmed);
}

static void on_rules(struct append *append, bool ok)
{
	struct note *note = list_entry(append, struct note, append);

	if (!ok)
		server_close_watchers(&note->broker->server);
	free(note);
}

void notes_tell_rules(struct broker *broker)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	record.type = (char *)"rules";
	if (notes_append(broker, NULL, &record, on_rules) < 0)
		server_close_watchers(&broker->server);
}
