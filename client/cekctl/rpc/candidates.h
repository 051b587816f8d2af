/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd knows that a word of the command line may become, for completion.
 */
#pragma once

#include "client/cekctl/console/ctl.h"

/* A word, and a few ones about it. */
typedef void candidates_take(const char *word, const char *about, void *data);

/* Kind is KID, NAME, ALG, ENC or CRV; others have none. What cannot be asked is left out, algorithms are then all that
 * there are. */
void candidates_give(struct ctl *ctl, const char *kind, candidates_take *take, void *data);
