/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short names for what protoc-c makes of cek.proto and internal.proto, so that a line of the broker fits on a screen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cek.pb-c.h>
#include <internal.pb-c.h>

#include "daemon/shared/moves.h"

typedef Cek__V1__Request CekRequest;
typedef Cek__V1__Reply CekReply;
typedef Cek__V1__AlgParams AlgParams;
typedef Cek__V1__PublicKey PublicKey;
typedef Cek__V1__Schedule Schedule;
typedef Cek__Internal__V1__KeyRecord KeyRecord;
typedef Cek__Internal__V1__KidUsage KidUsage;
typedef Cek__Internal__V1__AuditRecord AuditRecord;
typedef Cek__Internal__V1__Rule Rule;
typedef Cek__Internal__V1__Limits Limits;
typedef Cek__Internal__V1__Job Job;
typedef Cek__Internal__V1__JobResult JobResult;
typedef Cek__Internal__V1__WorkerHello WorkerHello;

enum status {
	STATUS_PENDING = 0, /* inside the broker only: the answer comes later */
	STATUS_OK = CEK__V1__STATUS__STATUS_OK,
	STATUS_MALFORMED = CEK__V1__STATUS__STATUS_MALFORMED,
	STATUS_TOO_LARGE = CEK__V1__STATUS__STATUS_TOO_LARGE,
	STATUS_DEADLINE = CEK__V1__STATUS__STATUS_DEADLINE,
	STATUS_INTERNAL = CEK__V1__STATUS__STATUS_INTERNAL,
	STATUS_FAILED = CEK__V1__STATUS__STATUS_FAILED,
	STATUS_UNKNOWN_KEY = CEK__V1__STATUS__STATUS_UNKNOWN_KEY,
	STATUS_UNUSABLE = CEK__V1__STATUS__STATUS_UNUSABLE,
	STATUS_DENIED = CEK__V1__STATUS__STATUS_DENIED,
	STATUS_UNAVAILABLE = CEK__V1__STATUS__STATUS_UNAVAILABLE,
	STATUS_OVERLOADED = CEK__V1__STATUS__STATUS_OVERLOADED,
	STATUS_CONFLICT = CEK__V1__STATUS__STATUS_CONFLICT,
	STATUS_UNSUPPORTED = CEK__V1__STATUS__STATUS_UNSUPPORTED,
	STATUS_NOT_IMPLEMENTED = CEK__V1__STATUS__STATUS_NOT_IMPLEMENTED,
	STATUS_COUNT,
};

enum outcome {
	OUTCOME_OK = CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK,
	OUTCOME_FAILED = CEK__INTERNAL__V1__OUTCOME__OUTCOME_FAILED,
	OUTCOME_MISSING = CEK__INTERNAL__V1__OUTCOME__OUTCOME_MISSING,
	OUTCOME_UNAVAILABLE = CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNAVAILABLE,
	OUTCOME_UNSUPPORTED = CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNSUPPORTED,
	OUTCOME_REFUSED = CEK__INTERNAL__V1__OUTCOME__OUTCOME_REFUSED,
	OUTCOME_INTERNAL = CEK__INTERNAL__V1__OUTCOME__OUTCOME_INTERNAL,
	OUTCOME_AMBIGUOUS = CEK__INTERNAL__V1__OUTCOME__OUTCOME_AMBIGUOUS,
	OUTCOME_UNTRIED = CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNTRIED,
};

enum provenance {
	PROVENANCE_GENERATED = CEK__V1__PROVENANCE__PROVENANCE_GENERATED,
	PROVENANCE_IMPORTED = CEK__V1__PROVENANCE__PROVENANCE_IMPORTED,
	PROVENANCE_ADOPTED = CEK__V1__PROVENANCE__PROVENANCE_ADOPTED,
};

/* "OK", "FAILED", …; static storage. "?" beyond the enum. */
const char *status_name(enum status status);

/* "active", "pre-active", …: for messages; static storage. */
const char *state_name(enum state state);

/* UTF-8 without control characters and at most max bytes: what may stand in a journal or a log. */
bool text_valid(const char *text, size_t max);
