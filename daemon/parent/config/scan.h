/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in the text of a configuration its reading is, what it takes over of it, and how it says what is wrong there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	SCAN_SHOWN_MAX = 64, /* bytes of scan_shown() */
	SCAN_NAMES_MAX = 64, /* options of one section that are remembered: more than there are known ones */
};

struct word {
	const char *text; /* in the file */
	int len;
};

/* The options of one section, or those outside of all. */
struct level {
	struct word names[SCAN_NAMES_MAX];
	size_t n;
};

struct scan {
	const char *name; /* of the file, for messages */
	char *error;      /* CONFIG_ERROR_MAX bytes */
	const char *at;   /* NUL at the end; there is no other one */
	unsigned line;
	FILE *out;
	enum { SCAN_OPTION, SCAN_EQUALS, SCAN_VALUE, SCAN_ITEM, SCAN_COMMA } expected;
	struct word option;         /* the one that is being read */
	struct word section, title; /* of the section that is open */
	bool in_section;
	unsigned section_line, list_line;
	struct level outside, inside;
};

/* -EINVAL, with the file, the line, what is open there and this text in error. */
int scan_fail(struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The character at text, for a message: in quotes, or what it is if it cannot be seen or is no character. */
const char *scan_shown(const char *text, char ret_shown[SCAN_SHOWN_MAX]);

/* The text ends here. what: the smallest thing that is open, NULL for the option or section. -EINVAL with that in
 * error; 0 if nothing is open. */
int scan_fail_end(struct scan *scan, const char *what);

/* Write text to out. */
void scan_put(struct scan *scan, const char *text, size_t len);

/* The same with what stands here, and go past it. */
void scan_take(struct scan *scan, size_t len);

/* Go past space and comments. Their lines stay, so that those of errors do. 0 or -EINVAL. */
int scan_space(struct scan *scan);
