/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/journal/expected.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__FromJournal FromJournal;

/* What is the answer that is due, and what is another one. */
static unsigned kind_of(const struct journal *journal, const FromJournal *message)
{
	const struct append *append = journal_under_way(journal);

	switch (message->what_case) {
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY:
		return message->replay->id > journal->last_answered && message->replay->id <= journal->last_question
			? message->what_case
			: FROM_JOURNAL_OTHER_REPLAY;
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED:
		return append && append->id == message->appended->id ? message->what_case : FROM_JOURNAL_OTHER_APPENDED;
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE:
		return journal->ended_pid != 0 && message->state->pid == journal->ended_pid ? FROM_JOURNAL_OTHER_STATE
											    : message->what_case;
	default:
		return message->what_case;
	}
}

/* What was not sent yet cannot have been written, whatever the journal says. */
static bool acknowledges_unsent(const struct journal *journal, const FromJournal *message)
{
	const Cek__Internal__V1__AuditDone *done = message->audit_done;

	return message->what_case == CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE &&
		strcmp(done->instance, journal->audit_trail->instance) == 0 &&
		(done->written > journal->audit_trail->sent || done->durable > journal->audit_trail->sent);
}

void expected_tell(struct journal *journal)
{
	if (journal->events->end(journal->owner, journal->ended_pid, journal->broke, true))
		journal->broke[0] = 0;
}

/* What it was asked is asked of the next one, which tells its state first (on_state()). */
static void condemn(struct journal *journal, const char *how)
{
	(void)snprintf(journal->broke, sizeof(journal->broke), "%s", how);
	log_error("the journal %s: it is ended", journal->broke);
	journal->sequence.state = JOURNAL_CONDEMNED;
	journal->ended_pid = journal->pid;
	journal->question = journal->replay_id = journal->asked_id = 0;
	journal->standing_by = false;
	expected_tell(journal);
}

bool expected(struct journal *journal, const FromJournal *message)
{
	const bool condemned = journal->sequence.state == JOURNAL_CONDEMNED;
	enum sequence_verdict verdict;
	char how[SEQUENCE_HOW_MAX];

	if (!message)
		verdict = sequence_no_message(&journal->sequence, how);
	else
		verdict = sequence_take(&journal->sequence, kind_of(journal, message), 0, how);
	if (verdict == SEQUENCE_FITS && acknowledges_unsent(journal, message))
		verdict = sequence_cannot_be(&journal->sequence, "an acknowledgement of audit records before they came",
			how);
	if (verdict == SEQUENCE_BROKEN && condemned) /* once is enough */
		journal->sequence.state = JOURNAL_CONDEMNED;
	else if (verdict == SEQUENCE_BROKEN)
		condemn(journal, how);
	return verdict == SEQUENCE_FITS;
}
