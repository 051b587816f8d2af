/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a new configuration a cekd that runs cannot take.
 */
#pragma once

#include "daemon/parent/config/config.h"

/* The name of the first thing that differs and that only a restart changes; NULL if there is none. */
const char *config_needs_restart(const struct config *running, const struct config *next);

/* The first rule of next that names a listener which running does not have, so that it can be taken only with a
 * restart; NULL if there is none. */
const char *config_rule_needs_restart(const struct config *running, const struct config *next);
