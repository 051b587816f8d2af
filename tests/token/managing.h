/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the manage worker stand on: a real one behind the shim (misbehaving.h), its jobs, and objects as other
 * programs make them.
 */
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "daemon/token/p11/public.h"
#include "misbehaving.h"

extern struct rig_worker manage;

/* Around a group of tests. */
int managing_open(void **state);
int managing_close(void **state);

/* Send a job, check that a failure holds nothing that could be taken for a key; free the answer with rig_free(). */
Cek__Internal__V1__FromWorker *manage_call(Cek__Internal__V1__Job *job);
Cek__Internal__V1__FromWorker *manage_adopt(const char *alg, uint8_t *cka_id, const char *label, bool insist);
Cek__Internal__V1__FromWorker *manage_generate(const char *alg, uint8_t *cka_id, uint32_t bits, const char *crv);

/* Adopt or destroy, and expect that outcome; note NULL = whichever. */
void expect_adopt(const char *alg, uint8_t *cka_id, const char *label, bool insist, int outcome, const char *note);
void manage_destroy(const char *alg, uint8_t *cka_id, Cek__V1__PublicKey *public, int outcome);

/* Wrap a new CEK; the outcome is returned. */
int manage_wrap(const char *alg, uint8_t *cka_id, Cek__V1__PublicKey *public);

/* How many objects the inventory has of that CKA_ID, NULL = in all; whether all of them are as cekd makes keys. */
size_t manage_count(const uint8_t *cka_id, bool *ret_whole);

/* A CKA_ID that no object has. */
void fresh_id(uint8_t cka_id[16]);

/* The public half of an RSA, EC or X25519 key. */
void half_of(EVP_PKEY *key, struct public_half *ret_half);

/* An AES-256 key under a fresh CKA_ID, which is written to cka_id. */
void create_aes(uint8_t *cka_id, const char *label, bool extractable, bool too_broad);

/* A P-256 pair whose public object is told's. */
void create_ec(const uint8_t *cka_id, EVP_PKEY *pair, EVP_PKEY *told);

/* An RSA-2048 private key of another program, which decrypts or signs. */
CK_OBJECT_HANDLE create_rsa_twin(const uint8_t *cka_id, const char *label, EVP_PKEY *pair, bool decrypts);

/* An EC private key on a curve that no program knows, or one that holds no value. */
CK_OBJECT_HANDLE create_odd_ec(const uint8_t *cka_id, uint8_t *params, size_t params_len, size_t len);
