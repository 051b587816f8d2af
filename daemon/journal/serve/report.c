/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/sequence_tables.h"

static const char *law_of(const struct report *report)
{
	return report->law ? law_says(report->law) : "";
}

bool report_ok(const struct report *report)
{
	return store_state(report->store).ok && audit_state(report->audit).ok;
}

int report_send(struct report *report)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__JournalState state = CEK__INTERNAL__V1__JOURNAL_STATE__INIT;
	struct store_state keys = store_state(report->store);

	state.ok = report_ok(report);
	state.keys = (char *)keys.text;
	state.audit = (char *)audit_state(report->audit).text;
	state.sandbox = (char *)report->sandbox;
	state.law = (char *)law_of(report);
	state.keys_seq = keys.head.seq;
	state.pid = (int32_t)getpid();
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE;
	message.state = &state;
	snprintf(report->told_keys, sizeof(report->told_keys), "%s", state.keys);
	snprintf(report->told_audit, sizeof(report->told_audit), "%s", state.audit);
	snprintf(report->told_law, sizeof(report->told_law), "%s", state.law);
	report->retry_due = state.ok ? 0 : clock_monotonic_us() + REPORT_RETRY_US;
	return pair_send(report->pair, &message);
}

/* By more than a sixteenth: then it is worth a message. */
static bool moved(uint64_t told, uint64_t now)
{
	const uint64_t by = now > told ? now - told : told - now;

	return by > told / 16;
}

static int send_room_if_new(struct report *report)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__JournalRoom room = CEK__INTERNAL__V1__JOURNAL_ROOM__INIT;
	struct audit_state audit = audit_state(report->audit);

	if (!audit.free_known || (report->told_free_known && !moved(report->told_free, audit.free)))
		return 0;
	room.free = report->told_free = audit.free;
	report->told_free_known = true;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_ROOM;
	message.room = &room;
	return pair_send(report->pair, &message);
}

/* A broker that was accused and is about to be ended would ask for the records anew, as the next one does, and be
 * accused again in its place. That one hears of this when it has asked. */
int report_send_if_new(struct report *report)
{
	bool same = strcmp(report->told_keys, store_state(report->store).text) == 0 &&
		strcmp(report->told_audit, audit_state(report->audit).text) == 0 &&
		strncmp(report->told_law, law_of(report), sizeof(report->told_law) - 1) == 0;
	int r;

	if (report->pair->sequence->state == BROKER_ACCUSED)
		return 0;
	r = same ? 0 : report_send(report);
	return r < 0 ? r : send_room_if_new(report);
}
