/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single options of cekd.conf, judged while libconfuse reads them, so that an error has its line. For load.c alone.
 */
#pragma once

#include <confuse.h>

/* Start with a file: name stands before the line in errors, the first of which is kept in ret_error
 * (CONFIG_ERROR_MAX). */
void config_check_begin(const char *name, char *ret_error);

/* Set the checks of single options. */
void config_check_install(cfg_t *cfg);
