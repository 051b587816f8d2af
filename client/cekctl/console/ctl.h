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

struct arg;
struct outcome;
struct verb;

enum { GIVEN_MAX = 16 };

/* given.h: a word of the command line, and what usage and options call it. */
struct given {
	const char *kind;
	const char *word;
};

/* What a verb's options are, instead of reading them: its own (may be NULL), and those of every verb. */
typedef void ctl_see_args(const struct arg *own, const struct arg *globals, void *data);

struct ctl {
	const struct verb *verb;
	const struct verb *verbs; /* the table that it stands in, for help and completion; a nameless one ends it */
	const char *socket;       /* NULL: libcek's default */
	unsigned timeout;         /* seconds, for each call */
	bool json;
	bool names;         /* --output name: names alone */
	bool utc;           /* times in UTC */
	const char *output; /* name, table or json; NULL: as json says */
	const char *color;  /* auto, always or never; NULL: auto */
	struct given given[GIVEN_MAX];
	size_t n_given;
	const char *operation; /* that a rule of cekd.conf has to grant for what was asked last; NULL: none */
	ctl_see_args *see_args;
	void *see_data;
	bool exit_now;           /* leave by _exit: an unloaded PKCS#11 module must not meet OpenSSL's exit handlers */
	cek_conn *conn;          /* made by the first call */
	struct outcome *outcome; /* for --json; NULL: nobody wants to know */
};

/* argv[0] is the verb's last word. Returns the exit status, of exits.h. */
typedef int verb_run(struct ctl *ctl, int argc, char **argv);

struct verb {
	const char *name;      /* one or two words */
	const char *arguments; /* for the usage line */
	const char *purpose;   /* one sentence */
	verb_run *run;
	bool json;           /* has --json */
	const char *example; /* a line for a shell */
	bool names;          /* has --output name */
	bool fresh;          /* its NAME is a new one */
};

/* A failure: one line on stderr, "cekctl: VERB: …", as escape.h writes it, and the error of
 * --json. Each returns the exit status. ctl_fail() is for what happens on this side; ctl_fail_as() for a status that
 * exits.h has a row of: "STATUS: …; hint". hint NULL: the row's. */
int ctl_fail(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ctl_fail_as(const struct ctl *ctl, const char *status, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line on stderr about what is no failure. */
void ctl_warn(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
