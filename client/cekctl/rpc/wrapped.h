/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wrapped CEK as a JSON object, one a line in files: what wrap prints, unwrap reads and rewrap does both with.
 * Members have the names of JWE (RFC 7516, RFC 7518): kid, alg, enc, encrypted_key, and as the alg needs them iv, tag,
 * epk, apu, apv; and key, cekd's name of the key.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "client/cek.h"
#include "proto/alg.h"

enum {
	WRAPPED_WHY = 128,
	WRAPPED_PARAM_MAX = 64, /* iv, tag; cekd judges their exact lengths */
	WRAPPED_FIELD_MAX = 66, /* a coordinate on P-521 */
};

/* args point into the JSON object and into the arrays: the struct must not be moved. */
struct wrapped {
	struct cek_unwrap args; /* what unwrap wants; kid and key as in the object, or NULL */
	uint8_t encrypted_key[ENCRYPTED_KEY_MAX];
	uint8_t iv[WRAPPED_PARAM_MAX], tag[WRAPPED_PARAM_MAX];
	uint8_t apu[PARTY_INFO_MAX], apv[PARTY_INFO_MAX];
	uint8_t x[WRAPPED_FIELD_MAX], y[WRAPPED_FIELD_MAX];
};

/* Read object, which must stay alive, be it of json_object_parse() or of json_kept_parse(). Unknown members are passed
 * over. 0, or -EINVAL with one English phrase in why. */
int wrapped_read(const json_t *object, struct wrapped *ret_wrapped, char why[WRAPPED_WHY]);

/* Write a result of wrap or rewrap into object: the members that it has are set, those of the other algs removed. 0, or
 * -ENOMEM. */
int wrapped_write(json_t *object, const char *key, const char *enc, const cek_result *result);
