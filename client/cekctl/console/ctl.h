/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekctl's verbs share: the row of their table, the settings that every verb understands, and how a verb reports a
 * failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cek.h"
#include "client/cekctl/console/exits.h"

struct verb;

struct ctl {
	const struct verb *verb;
	const char *socket; /* NULL: libcek's default */
	unsigned timeout;   /* seconds, for each call */
	bool json;
	bool exit_now;  /* leave by _exit: an unloaded PKCS#11 module must not meet OpenSSL's exit handlers */
	cek_conn *conn; /* made by the first call */
};

/* argv[0] is the verb's last word. Returns the exit status, of exits.h. */
typedef int verb_run(struct ctl *ctl, int argc, char **argv);

struct verb {
	const char *name;      /* one or two words */
	const char *arguments; /* for the usage line */
	const char *purpose;   /* one sentence */
	verb_run *run;
	bool json; /* has --json */
};

/* One line on stderr, "cekctl: VERB: …", control characters replaced. Return EXIT_FAILURE and EXIT_USAGE. */
int ctl_fail(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
