/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys as OpenSSL knows them, and what a sender does with one: RFC 7518 sections 4.3 and 4.6 from the other
 * side.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "client/cek.h"
#include "proto/alg.h"

/* NULL if it is not a good key: of another kind, a point that is not on its curve, an RSA modulus or exponent that is
 * even or
 * 1. How many bits RSA needs is for the caller to say. */
EVP_PKEY *pkey_from_public(const struct cek_public_key *public_key);

/* Encrypt the CEK for an RSA key; ret_encrypted has room for the modulus (ENCRYPTED_KEY_MAX). 0 or -1. */
int pkey_rsa_oaep(EVP_PKEY *pkey, const struct alg *alg, struct cek_bytes cek, uint8_t *ret_encrypted, size_t *ret_len);

/* Make an ephemeral key on the same curve and agree with it: ret_z has room for a coordinate, and is secret. ret_point
 * gets x and y (X25519: x alone) one after the other. 0 or -1. */
int pkey_agree(EVP_PKEY *pkey, const struct curve *curve, uint8_t *ret_z, size_t *ret_z_len, uint8_t *ret_point);

/* Concat KDF (RFC 7518 section 4.6.2) of key_len octets for AlgorithmID id. 0 or -1. */
int pkey_concat_kdf(struct cek_bytes z, const char *id, struct cek_bytes apu, struct cek_bytes apv, size_t key_len,
	uint8_t *ret_key);

/* AES key wrap (RFC 3394): ret_wrapped has room for cek.len + 8. 0 or -1. */
int pkey_aes_wrap(const uint8_t *kek, unsigned kek_bits, struct cek_bytes cek, uint8_t *ret_wrapped);
