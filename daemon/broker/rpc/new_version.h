/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What create, import and adopt share: a version of a key that the ring does not have yet.
 */
#pragma once

#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/request/request.h"
#include "proto/alg.h"

/* All return STATUS_OK, or a status whose text is set. */

/* An alg that cekd knows. */
int new_version_alg(struct request *request, const char *name, const struct alg **ret_alg);

/* The token can do it, as its worker said: what it cannot do need not be tried. */
int new_version_available(struct request *request, const struct alg *alg);

/* A kid that people can tell from others: UTF-8 that can be seen (proto/utf8.h). field: its name in the request. */
int new_version_kid(struct request *request, const char *field, const char *kid);

/* Both, and alg and kid fit the key, if it exists, and the ring: for import and adopt. */
int new_version_check(struct request *request, const char *alg_name, const char *kid, const struct alg **ret_alg);

/* Completes a new change by what the request says, and packs its job. 0 or -errno. */
typedef int new_version_pack(struct change *change, const struct request *request, uint8_t **ret_packed,
	size_t *ret_len);

/* Start the import or adoption of a version that was checked: of an old key, which only opens, unless the key is new.
 * What a handler returns. */
int new_version_start(struct request *request, enum change_kind kind, const struct alg *alg, const char *kid,
	new_version_pack *pack);
