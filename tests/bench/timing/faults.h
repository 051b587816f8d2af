/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted keys that do not open, sorted by what is wrong with them: what tests/bench/timing compares.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/token/rig.h"

enum { FAULTS_MAX = 5, FAULT_MESSAGES = 128 };

struct fault {
	const char *name;
	bool is_public; /* whoever made it knows the cause: the answer may come sooner or later */
	bool planted;   /* what the planted early return looks at */
	struct {
		uint8_t *data; /* a packed Job */
		size_t len;
	} message[FAULT_MESSAGES];
};

struct faults {
	struct fault fault[FAULTS_MAX];
	size_t n;
};

struct faults_maker {
	struct rig_worker *manage, *use;
	const char *alg, *crv; /* crv: "" unless ECDH-ES */
	uint8_t id[16];        /* CKA_ID of the KEK */
	Cek__Internal__V1__FromWorker *generated;
	struct faults *faults;
};

/* Make a KEK for alg and FAULT_MESSAGES messages of each fault. Ends the program if it cannot. */
void faults_make(struct rig_worker *manage, struct rig_worker *use, const char *alg, const char *crv,
	struct faults *ret_faults);
void faults_free(struct faults *faults);

/* One message more of the fault of this name. */
void faults_add(struct faults_maker *maker, const char *name, bool is_public, bool planted,
	const ProtobufCBinaryData *encrypted_key, Cek__V1__AlgParams *params);

/* The same of a fresh wrap with one bit changed: in the tag or in the encrypted key, in its last or its first byte. */
void faults_add_spoilt(struct faults_maker *maker, const char *name, bool in_tag, bool at_end);

/* FAULT_MESSAGES of each kind. */
void faults_of_rsa(struct faults_maker *maker);
void faults_of_ecdh(struct faults_maker *maker);
