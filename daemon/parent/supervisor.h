/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd while it runs: puts the parts together, and decides what is done when a child gets ready, asks for something or
 * ends.
 */
#pragma once

#include "daemon/parent/config/config.h"
#include "daemon/parent/inherit.h"

struct supervisor_options {
	struct config *config;
	const char *config_path;         /* read again at SIGHUP */
	const char *programs;            /* directory of the children's */
	int test_page;                   /* -1: none */
	const char *program;             /* path of cekd, and */
	char **arguments;                /* what an heir is called with */
	struct inheritance *inheritance; /* NULL: nobody hands anything on */
};

/* Take what others may hold, start the children, and keep them running until a signal says stop. Failures are logged.
 * The exit status: EXIT_SUCCESS after an orderly stop. */
int supervisor_run(const struct supervisor_options *options);
