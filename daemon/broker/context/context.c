/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/broker/context/context.h"
#include "daemon/broker/workers/patience.h"

static const char *since(struct broker *broker, const char *what, const struct late *late)
{
	snprintf(broker->why, sizeof(broker->why), "%s since %s", what, late->since);
	return broker->why;
}

static const char *why_no_worker(struct broker *broker)
{
	const struct worker *late = patience_lost_with(&broker->workers);

	if (late)
		return since(broker, "no token worker answers", &late->late);
	return broker->workers.why[0] != '\0' ? broker->workers.why : "no token worker is ready";
}

bool broker_ready(struct broker *broker, const char **ret_why)
{
	if (!broker->journal.known && broker->journal.late.since_us == 0)
		*ret_why = "the journal has not answered yet";
	else if (broker->journal.late.since_us != 0)
		*ret_why = since(broker, "the journal does not answer", &broker->journal.late);
	else if (!broker->journal.ok)
		*ret_why = "the journal does not write";
	else if (!broker->journal.replayed)
		*ret_why = "the key journal is being read";
	else if (broker->ring.suspect)
		*ret_why = restore_why(&broker->restore);
	else if (broker->turn.draining)
		*ret_why = "stopping";
	else if (!workers_ready(&broker->workers) || patience_lost_with(&broker->workers))
		*ret_why = why_no_worker(broker);
	else if (broker_unconfirmed(broker)) /* the token is asked, which needs a worker */
		*ret_why = restore_why(&broker->restore);
	else
		return true;
	return false;
}

bool broker_waiting(const struct broker *broker, const char **ret_for)
{
	const struct journal *journal = &broker->journal;

	if (broker->turn.draining || !journal->known)
		return false;
	if (!journal->ok)
		*ret_for = "the journal";
	else if (!journal->replayed)
		return false;
	else if (workers_unavailable(&broker->workers))
		*ret_for = "the token";
	else if (broker->ring.suspect) /* whether it is may have to be asked of the token first */
		*ret_for = "an operator";
	else
		return false;
	return true;
}
