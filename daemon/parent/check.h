/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd --check: what a start would find, in the order of a start, a line each, up to the first thing that would stop it
 * or keep it from getting ready. It looks by the functions of a start, and changes nothing; a PIN is never tried.
 */
#pragma once

#include "daemon/parent/config/config.h"

struct check_options {
	const char *config_path;
	const struct config *config;
	const char *programs; /* directory */
};

/* 0: a start would go on. Otherwise -errno; the reason is in the log. */
int check_run(const struct check_options *options);
