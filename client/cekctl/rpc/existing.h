/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there already, for a change that was perhaps made before and whose answer got lost.
 */
#pragma once

#include <stdbool.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

/* The key of that name with all its versions, or the key and version of that kid; one is NULL. EXIT_SUCCESS:
 * *ret_reply is NULL if there is none, or none that this user may see. Otherwise EXIT_FAILURE after a report. */
int existing_find(struct ctl *ctl, const char *name, const char *kid, Cek__V1__Reply **ret_reply);

/* The version of key that has this public key, or NULL. AES keys have none that tells them apart. */
const Cek__V1__Version *existing_version(const Cek__V1__Key *key, const Cek__V1__PublicKey *public_key);

enum existing {
	EXISTING_NO,
	EXISTING_YES,
	EXISTING_UNTOLD, /* this user may not unwrap, or the version is out of use */
};

/* Whether cekd unwraps to that CEK. EXIT_SUCCESS: *ret_existing, and if it is yes *ret_kid, for free(3), of the version
 * that does. Otherwise EXIT_FAILURE after a report. */
int existing_unwraps(struct ctl *ctl, const struct cek_unwrap *args, struct cek_bytes cek, enum existing *ret_existing,
	char **ret_kid);
