/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys of OpenSSL's making as JWK and PEM, for tests of what reads and checks them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "client/cekctl/import/private_key.h"

/* With every member that RFC 7518 names. */
json_t *rsa_jwk(const EVP_PKEY *pkey);
json_t *ec_jwk(const EVP_PKEY *pkey, const char *crv, size_t len);
json_t *x25519_jwk(const EVP_PKEY *pkey);

/* A number of the key as a member of jwk, in len octets; 0: in as many as it has. */
void set_number(json_t *jwk, const char *name, const EVP_PKEY *pkey, const char *param, size_t len);

/* The JWK that was given, changed. */
json_t *with(json_t *jwk, const char *name, json_t *value);
json_t *without(json_t *jwk, const char *name);

/* What private_file_read() says of a file of one key. read_jwk() and refuse() consume jwk. */
int read_one(const char *data, size_t len, const char *alg, struct private_key *key, char why[PRIVATE_WHY]);
int read_jwk(json_t *jwk, const char *alg, struct private_key *key, char why[PRIVATE_WHY]);
int read_bio(BIO *bio, const char *alg, struct private_key *key, char why[PRIVATE_WHY]);

/* It is refused, and the reason holds text. PEM as PKCS#8 or, with traditional, as PKCS#1 or SEC 1. */
void refuse(json_t *jwk, const char *alg, const char *text);
void refuse_pem(EVP_PKEY *pkey, bool traditional, const char *text);
void refuse_pem_once(EVP_PKEY *pkey, const char *text); /* and pkey is freed */

/* Around all tests of a program: the second fails unless all that was taken from the secure heap was given back, and so
 * was wiped. */
int private_keys_set_up(void **state);
int private_keys_tear_down(void **state);
