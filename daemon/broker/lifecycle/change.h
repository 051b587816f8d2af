/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change to the life of a key, from its first record to its last: intent durable, token touched, result durable,
 * answered. A crash between any two steps leaves an intent that the next start finds in the ring.
 *
 *   create rotate publish import adopt     intent -> job to the manage worker -> "version" (or "abandoned")
 *   destroy                                intent -> job to the manage worker -> "state" destroyed
 *   moves, schedules, aliases              one record
 *
 * The preview of a change is the same until its first record would be written: then it is answered instead.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/lifecycle/change_data.h"
#include "daemon/broker/request/request.h"

/* A change on behalf of a request (NULL: cekd itself): kind and whom filled in, the rest is the caller's. NULL without
 * memory. */
struct change *change_new(struct broker *broker, struct request *request, enum change_kind kind);

/* A request's way: begin, so that the request is finished with the key's description, or a status if it cannot begin.
 * packed is the job for the manage worker (malloc'ed, the change's from now on), NULL for those of one record. Returns
 * STATUS_PENDING, for a preview STATUS_OK, or a status with its text in the request; the change is gone then. */
int change_start(struct change *change, uint8_t *packed, size_t len);

/* Give up a change that was not started, and pass outcome on. */
int change_drop(struct change *change, int outcome);

/* A fresh random CKA_ID. 0 or -errno. */
int change_new_cka_id(struct change *change);

/* Pack the job that makes a new version of the key as the change describes it. 0 or -ENOMEM. */
int change_generate_job(struct change *change, uint8_t **ret_packed, size_t *ret_len);

/* Any other job for the manage worker; its id is filled in. */
int change_pack_job(struct change *change, Job *job, uint8_t **ret_packed, size_t *ret_len);

/* The version that is published and can become active at once, other than this one; or NULL. */
struct version *change_published(const struct key *key, const struct version *other);

/* alg, bits and crv as the key has them. */
void change_like(struct change *change, const struct key *key);
