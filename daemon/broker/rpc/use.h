/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which version a request about a CEK works with, and what its use does to the ring.
 */
#pragma once

#include "daemon/broker/request/request.h"

/* May this version be asked now? STATUS_OK or STATUS_UNUSABLE; the refusal is counted. A version whose object is
 * missing, or not to be told from others, is looked for again from time to time. */
int use_for_unwrap(struct request *request, struct version *version);

/* RSA: the bits of the modulus that encrypted_key must be as long as. Without kid any of the key's versions will do. */
unsigned use_modulus_bits(const struct request *request, size_t encrypted_key_len);

/* Version i of those that could open something without kid: the active one, then from the youngest to the oldest, and
 * after these in the same order those whose object is lost. NULL: there are no more, or as many as may be tried.
 * rsa_len: only with a modulus of that many bytes (0: whatever). */
struct version *use_candidate(const struct request *request, uint32_t i, size_t rsa_len);

/* The first of these that this request has not tried yet; a lost one only if it may be looked for now. It counts as
 * tried. NULL: none. */
struct version *use_next(struct request *request, size_t rsa_len);

/* There was none from the beginning: STATUS_UNUSABLE, and why. */
int use_none(struct request *request, size_t rsa_len);

/* Without kid: this version did not open it, others may. */
bool use_goes_on(struct request *request, const JobResult *result);

/* None did. outcome: of the last one; if the token could try any of them, what counts is that it failed. */
int use_last_word(struct request *request, int outcome, size_t rsa_len);

/* Submit a job that wraps under the active version of request->to_key, which becomes request->to_version; wrap is the
 * part of job that says so. If that has to wait for a reservation or a rotation, the request is parked and comes back
 * by itself. Returns STATUS_PENDING or a status. */
int use_submit_wrap(struct request *request, Job *job, Cek__Internal__V1__WrapJob *wrap);

/* What a job's result means, STATUS_OK if the CEK is there. Notes an object that is missing, or not alone, and that
 * it is there again. */
int use_outcome(struct request *request, struct version *version, const JobResult *result);

/* The request's job worked with the object of this version: if that was lost, it is there again. */
void use_seen(struct request *request, struct version *version);

/* The version is still one that may be used: it could have been compromised while the token worked. STATUS_OK or
 * STATUS_UNUSABLE. use_outcome() has asked for its version. */
int use_still(struct request *request, struct version *version);

/* Count a success. */
void use_count(struct request *request, struct version *version, uint64_t unwraps, uint64_t wraps);

/* Fill in what a wrap under request->to_key needs, but for the object and the CEK. */
void use_wrap_job(const struct request *request, const AlgParams *params, Cek__Internal__V1__WrapJob *ret_job);

/* Keep what the audit trail says of an encrypted key. */
void use_note_encrypted_key(struct request *request, const ProtobufCBinaryData *encrypted_key);
