/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/job_sequence.h"

#include <stdio.h>

#include "proto/sequence_tables.h"

static bool wrong(const char *what, uint64_t id, char ret_how[SEQUENCE_HOW_MAX])
{
	(void)snprintf(ret_how, SEQUENCE_HOW_MAX, "answered job %llu%s", (unsigned long long)id, what);
	return false;
}

bool job_sequence_take(struct job_sequence *job, uint64_t job_id, uint64_t id, bool more,
	char ret_how[SEQUENCE_HOW_MAX])
{
	if (!job || (job->state != JOB_GIVEN && job->state != JOB_PARTLY_ANSWERED) || job_id != id)
		return wrong(", which it was not given, or not before others", id, ret_how);
	if (!more) {
		job->state = JOB_DONE;
		return true;
	}
	const uint16_t parts = job->op < SEQUENCE_KINDS
		? sequence_broker_to_worker.came[TO_MANAGE_WORKER][job->op].parts
		: 0;

	if (parts == 0)
		return wrong(" in parts, which is answered once", id, ret_how);
	if (job->parts == parts)
		return wrong(" in too many parts", id, ret_how);
	job->parts++;
	job->state = JOB_PARTLY_ANSWERED;
	return true;
}
