/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the command line that name what may not be there, so that a failure can tell what was meant.
 */
#pragma once

#include "client/cekctl/console/ctl.h"

/* Keep the word, which must stay, if its kind (as usage and options call it) is ALG, ENC, CRV, OP, NAME or KID. Those
 * beyond GIVEN_MAX are left out. */
void given_add(struct ctl *ctl, const char *kind, const char *word);

/* The first word of that kind, NULL if there is none. */
const char *given_find(const struct ctl *ctl, const char *kind);
