/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/context/context.h"

bool broker_ready(const struct broker *broker, const char **ret_why)
{
	if (!broker->journal.known)
		*ret_why = "the journal has not answered yet";
	else if (!broker->journal.ok)
		*ret_why = "the journal does not write";
	else if (!broker->journal.replayed)
		*ret_why = "the key journal is being read";
	else if (broker->ring.suspect)
		*ret_why = restore_why(&broker->restore);
	else if (broker->turn.draining)
		*ret_why = "stopping";
	else if (!workers_ready(&broker->workers) && broker->workers.why[0] != '\0')
		*ret_why = broker->workers.why;
	else if (!workers_ready(&broker->workers))
		*ret_why = "no token worker is ready";
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
