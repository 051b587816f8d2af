/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit statuses of cekctl, and the one table that says which status leads to which. cekctl(1) has the same table; the
 * unit test compares them.
 */
#pragma once

#include <stddef.h>

/* Beside EXIT_SUCCESS and EXIT_FAILURE: done; refused, or failed for good. */
enum {
	EXIT_USAGE = 2,
	EXIT_UNKNOWN_KEY = 3, /* or not this caller's */
	EXIT_DENIED = 4,
	EXIT_TRY_AGAIN = 5,
	EXIT_CONFLICT = 6,
};

struct exit_row {
	const char *status; /* of cek.proto, of libcek ("E_…"), of libcek-jose, or one of cekctl's own below */
	int exit;
	const char *hint; /* what to do about it; NULL = nothing that helps always */
};

/* Ends with a nameless row. */
extern const struct exit_row exit_rows[];

/* cekctl's own, for what happens on this side. */
#define STATUS_LOCAL "E_LOCAL"           /* a file, a standard stream, memory */
#define STATUS_USAGE "E_USAGE"           /* the command line */
#define STATUS_PERMISSION "E_PERMISSION" /* the socket is there, and this user may not open it */
#define STATUS_FINDINGS "FINDINGS"       /* fsck: journal and token differ */
#define STATUS_BROKEN "BROKEN"           /* audit verify: the chain does */

/* The row of a status; one that is not known is like INTERNAL. Never NULL. */
const struct exit_row *exit_row(const char *status);
