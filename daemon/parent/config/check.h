/*
 * Single options of cekd.conf, judged while libconfuse reads them, so that an error has its line. For load.c alone.
 */
#pragma once

#include <confuse.h>

#include "daemon/parent/config/config.h"

/* Start with a file: name stands before the line in errors, the first of which is kept in ret_error (CONFIG_ERROR_MAX). */
void config_check_begin(const char *name, char *ret_error);

/* Set the checks of single options. */
void config_check_install(cfg_t *cfg);

/* What reads a number: decimal digits, in the range of its option. For CFG_INT_CB(). */
int config_check_number(cfg_t *cfg, cfg_opt_t *option, const char *text, void *ret_number);

/* In load.c: the range of a number there or in limits. */
bool config_number_range(const char *name, long *ret_min, long *ret_max);
