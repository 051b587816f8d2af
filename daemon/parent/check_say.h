/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of cekd --check, on standard output: how it is, what was looked at, what was found. Why something is wrong
 * or doubtful stands in the log, where a start would say it.
 */
#pragma once

enum check_found {
	CHECK_OK,
	CHECK_NOTE,    /* well, and worth to be known */
	CHECK_WARNING, /* a start goes on */
	CHECK_SKIPPED,
	CHECK_SAID, /* whoever looked has printed its lines itself */
};

enum { CHECK_TEXT_MAX = 16384 }; /* bytes: a few paths */

/* found: one of those, or -errno for what would stop a start or keep it from serving; the log has said why, and text is
 * not looked at. */
void check_say(int found, const char *what, const char *text);
