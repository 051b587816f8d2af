/*
 * Field numbers of internal.proto, for what is read and written here without protobuf-c: the way of every unwrap.
 * Generated code has no names for them; tests/unit/token/test_fields.c holds each against what was generated.
 */
#pragma once

enum {
	FIELD_TO_WORKER_JOB = 1,
	FIELD_JOB_ID = 1,
	FIELD_JOB_RESULTS_RESULT = 1,
	FIELD_JOB_RESULT_ID = 1,
	FIELD_JOB_RESULT_OUTCOME = 2,
	FIELD_JOB_RESULT_TEXT = 3,
	FIELD_JOB_RESULT_CEK = 4,
	FIELD_JOB_RESULT_MEMORY = 7,
	FIELD_JOB_RESULT_REPLACE = 19,
};
