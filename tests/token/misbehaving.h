/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of a cekd-token stand on whose module misbehaves: the shim (shim.h) between it and the token, one AES key,
 * and jobs with it.
 */
#pragma once

#include "rig.h"
#include "shim.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name
#define FAILING(name) CEK__INTERNAL__V1__FAILING__CLASS__##name

extern struct rig rig;
extern struct shim *shim;  /* the page that shim and test share */
extern uint8_t aes_id[16]; /* CKA_ID of an AES-256 key that is there */

/* Around a group of tests, and before each. */
int misbehaving_open(void **state);
int misbehaving_close(void **state);
int behave(void **state);

/* Of the next calls of that function so many return rv; -1 = all. */
void misbehave(const char *function, CK_RV rv, int times);

/* One CEK under the AES key with A256GCMKW; free the answer with rig_free(). What unwraps it again, as a job of which
 * nothing is copied, and as one that is done; the outcome is returned. */
Cek__Internal__V1__FromWorker *wrap(struct rig_worker *worker);
Cek__Internal__V1__UnwrapJob unwrap_job(const Cek__Internal__V1__FromWorker *wrapped);
int unwrap(struct rig_worker *worker, const Cek__Internal__V1__FromWorker *wrapped);

/* A128KW of rubbish with any key, a new CEK under any key; the outcome is returned. */
int unwrap_as(struct rig_worker *worker, uint8_t *which);
int wrap_as(struct rig_worker *worker, const char *alg, uint8_t *which, Cek__V1__PublicKey *public);

/* Let the worker forget a key. Returns whether it asks to be replaced. */
int forget(struct rig_worker *worker, uint8_t *which);

/* Until a job looks at the object of its key again. */
void let_a_second_pass(void);

uint64_t now_us(void);
