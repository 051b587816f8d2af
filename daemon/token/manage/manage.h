/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the jobs of the manage worker share: refusals with a reason, checks of the key that was made or found, and looks
 * at the token that allow for what modules do not see at once.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/probe/judge.h"
#include "daemon/token/probe/worker.h"
#include "proto/alg.h"
#include "proto/internal.pb-c.h"

/* Does the token do alg, on this curve (NULL: any)? What it did not clearly refuse is tried before the answer is no.
 * False with the reason in result. */
bool manage_can(struct worker *worker, const struct alg *alg, const struct curve *curve,
	Cek__Internal__V1__JobResult *result);

enum manage_origin { MANAGE_GENERATED, MANAGE_IMPORTED, MANAGE_ADOPTED };

/* A refusal or failure with its sentence for the operator; everything else that result held is gone. */
void manage_fail(struct worker *worker, Cek__Internal__V1__JobResult *result, outcome_t outcome, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* The token said rv to what. Sets worker->ending when it is gone. */
void manage_fail_rv(struct worker *worker, Cek__Internal__V1__JobResult *result, const char *what, CK_RV rv);

/* Look a finished KEK up by its name, check what the token says of it and that it works, and describe it in result:
 * kid, public_key, bits, crv. What cekd makes must be protected as cekd wants it; a key from outside that does not work
 * is refused. False with the failure in result. */
bool manage_verify(struct worker *worker, const struct name *name, enum manage_origin origin,
	Cek__Internal__V1__JobResult *result);

/* Is there no object with this CKA_ID yet? False with the refusal in result. */
bool manage_id_free(struct worker *worker, const ProtobufCBinaryData *id, Cek__Internal__V1__JobResult *result);

/* Have the module read the token from the start, unless a transport key would be lost by that: SoftHSM does not see by
 * itself what other processes made meanwhile. */
CK_RV manage_begin_anew(struct worker *worker);

/* Like objects_find_all() for something that should be there: SoftHSM shows an empty token for a moment while another
 * process writes to it, and with a read-only token.object it sees what others made only after C_Initialize. */
CK_RV manage_find(struct worker *worker, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n);

/* Destroy all keys with a CKA_ID that cekd chose just now and has told nobody: what a generation that failed left. */
void manage_destroy_leftovers(struct worker *worker, const ProtobufCBinaryData *id);
