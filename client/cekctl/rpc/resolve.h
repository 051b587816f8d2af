/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which version a word of the command line means: a kid or an alias; NAME/NUMBER or NAME/active; or the beginning of a
 * kid or alias, of at least six characters, that no other version has. What is found first counts, in this order.
 */
#pragma once

#include <stdint.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"
#include "proto/alg.h"

struct resolved {
	const char *kid;            /* for the request: the version's own, or the word itself, see below */
	char key[KEY_NAME_MAX + 1]; /* "": cekd did not tell */
	uint32_t number;
	Cek__V1__State state;
	char found[KID_MAX + 1];
};

/* EXIT_SUCCESS, or another exit status after a report: several versions begin so, this key has no such version, or cekd
 * cannot be asked. What cekd does not tell this peer of is left as it is: a peer may use a version that it may not look
 * at, and the answer to the request itself says the rest. word must stay. What was found by something else than its kid
 * is shown on standard error, if that is a terminal. */
int resolve_version(struct ctl *ctl, const char *word, struct resolved *ret_version);
