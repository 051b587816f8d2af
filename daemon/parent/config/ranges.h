/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of cekd.conf: the range of each, judged while libconfuse reads it, and what it is if the file does not
 * say.
 */
#pragma once

#include <confuse.h>

#include "daemon/parent/config/config.h"

enum {
	RANGES_NUMBERS = 9, /* outside of all sections */
	RANGES_LIMITS = 12, /* in limits */
};

/* The options that libconfuse shall know. */
void ranges_number_options(cfg_opt_t ret_options[RANGES_NUMBERS]);
void ranges_limit_options(cfg_opt_t ret_options[RANGES_LIMITS]);

/* What was read, from a parser with those options. */
void ranges_read_numbers(cfg_t *cfg, struct config *config);
void ranges_read_limits(cfg_t *section, Cek__Internal__V1__Limits *ret_limits);
