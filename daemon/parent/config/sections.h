/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of cekd.conf: listener, rule, limits. For load.c alone; errors go through cfg_error().
 */
#pragma once

#include <confuse.h>

#include "daemon/parent/config/config.h"

/* The options of each section, NULL-terminated as libconfuse wants them (static storage). */
cfg_opt_t *config_listener_options(void);
cfg_opt_t *config_rule_options(void);
cfg_opt_t *config_limits_options(void);

/* Fill config from all sections of cfg. 0, -EINVAL (told by cfg_error) or -ENOMEM. */
int config_read_sections(cfg_t *cfg, struct config *config);
