/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker may answer: many jobs are in flight, and each knows how far it has come. Which ones are answered in
 * parts is said by the table of operations (sequence_tables.h).
 */
#pragma once

#include "proto/sequence.h"

enum job_state {
	JOB_WAITS, /* nobody was given it; zeroed */
	JOB_GIVEN,
	JOB_PARTLY_ANSWERED,
	JOB_DONE,
};

/* How far it has come, at the end that gave it. */
struct job_sequence {
	uint8_t op; /* Job.op_case */
	uint8_t state;
	uint16_t parts;
};

/* A worker answered the job id, and says whether there is more to come. job is the one that is to be answered next,
 * NULL: none; its own id is job_id. False: the worker broke the rules; how as above. */
bool job_sequence_take(struct job_sequence *job, uint64_t job_id, uint64_t id, bool more,
	char ret_how[SEQUENCE_HOW_MAX]);
