/*
 * What cekctl's verbs share: the table row, the settings that every verb understands, and how a verb reports a failure.
 * Each verb stands in the file of its name and is one function of one signature.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cek.h"

struct verb;

struct ctl {
	const struct verb *verb;
	const char *socket;    /* NULL: libcek's default */
	unsigned timeout;      /* seconds, for each call */
	bool json;
	bool exit_now;         /* leave by _exit: an unloaded PKCS#11 module must not meet OpenSSL's exit handlers */
	cek_conn *conn;        /* made by the first call */
};

/* argv[0] is the verb's last word. Returns the exit status: EXIT_SUCCESS, EXIT_FAILURE or EXIT_USAGE. */
typedef int verb_run(struct ctl *ctl, int argc, char **argv);

struct verb {
	const char *name;      /* one or two words */
	const char *arguments; /* for the usage line */
	const char *purpose;   /* one sentence */
	verb_run *run;
	bool json;             /* has --json */
};

enum { EXIT_USAGE = 2 };

/* One line on stderr, "cekctl: VERB: …", control characters replaced. Return EXIT_FAILURE and EXIT_USAGE. */
int ctl_fail(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Row i of the table of verbs, NULL past its end. */
const struct verb *verb_row(size_t i);

verb_run verb_audit_verify;
verb_run verb_fsck;
verb_run verb_jwe_decrypt;
verb_run verb_jwe_encrypt;
verb_run verb_jwks;
verb_run verb_key_adopt;
verb_run verb_key_compromise;
verb_run verb_key_create;
verb_run verb_key_destroy;
verb_run verb_key_import;
verb_run verb_key_keep;
verb_run verb_key_list;
verb_run verb_key_resume;
verb_run verb_key_rotate;
verb_run verb_key_schedule;
verb_run verb_key_show;
verb_run verb_key_suspend;
verb_run verb_metrics;
verb_run verb_restore_confirm;
verb_run verb_restore_show;
verb_run verb_rewrap;
verb_run verb_status;
verb_run verb_token_init;
verb_run verb_unwrap;
verb_run verb_watch;
verb_run verb_wrap;
