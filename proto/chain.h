/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash chain of both journals (cekd-journal(5)): every line is a JSON object with "seq", one more than the line
 * before, and "prev", the SHA-256 of the line before without its newline, in lower-case hex. The first line has seq 1
 * and 64 zeros. Written by cekd-journal, checked there at each start and by `cekctl audit verify`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	CHAIN_HEX = 64,           /* digits of a hash */
	CHAIN_LINE_MAX = 1 << 20, /* bytes of one line without its newline */
	CHAIN_DEPTH_MAX = 8,      /* arrays and objects inside each other */
	CHAIN_WHY_MAX = 200,
};

/* A place in a chain: the seq of a line and the hash of that line. seq 0 with 64 zeros is the place before line 1. */
struct chain_head {
	uint64_t seq;
	char hash[CHAIN_HEX + 1];
};

/* The place before the first line. */
struct chain_head chain_start(void);

/* Whether text is a hash as this file writes it: 64 lower-case hex digits. */
bool chain_hash_valid(const char *text);

/* "SEQ:HASH", as cekctl audit verify prints a head. 0, or -EINVAL. */
int chain_head_parse(const char *text, struct chain_head *ret_head);

/* SHA-256 with one context used again and again. 0, or -ENOMEM. free takes NULL and returns NULL. */
struct chain_hasher;
int chain_hasher_new(struct chain_hasher **ret_hasher);
struct chain_hasher *chain_hasher_free(struct chain_hasher *hasher);

/* Lower-case hex and a NUL. 0, or -EIO when libcrypto fails. */
int chain_hash(struct chain_hasher *hasher, const void *data, size_t len, char ret_hash[CHAIN_HEX + 1]);

/* Read one line (without newline): an object, no duplicate members, at most CHAIN_DEPTH_MAX deep. NULL if it is none,
 * and then why holds one English phrase. */
json_t *chain_line_parse(const char *line, size_t len, char why[CHAIN_WHY_MAX]);

enum chain_fault {
	CHAIN_GOOD,
	CHAIN_BAD_LINE, /* bad_line is not JSON, or its seq or prev is wrong */
	CHAIN_BAD_HEAD, /* the chain is whole, but is not the one of which the expected head was kept: cut off or
			   replaced */
};

struct chain_result {
	enum chain_fault fault;
	uint64_t lines;         /* good ones, before the fault if there is one */
	uint64_t bytes;         /* that they take, newlines included */
	struct chain_head head; /* after the last good one */
	struct chain_head
		whole;        /* after the last good one that does not say "more": a request may take several lines */
	uint64_t whole_bytes; /* up to there */
	bool torn;            /* more bytes or lines than whole: a write that a crash cut short. Not a fault */
	uint64_t bad_line;    /* counted from 1 in what was read; 0 = none */
	char why[CHAIN_WHY_MAX]; /* English, one line; empty when fault is CHAIN_GOOD */
};

/* Called for each good line, in order; head is the place after it. 0, or -errno, which ends the reading and is passed
 * up. */
typedef int chain_line_fn(void *userdata, const json_t *object, const struct chain_head *head);

/* Read fd from where it stands to its end (a file or a pipe). from: the place that the first line continues, NULL = the
 * start of a chain. expected: a head kept elsewhere that must be met on the way, NULL = none; one that lies before the
 * first line read is not looked for, except from itself. line may be NULL.
 * 0: *ret_result tells; -errno: reading failed, or what line returned. */
int chain_verify(int fd, const struct chain_head *from, const struct chain_head *expected, chain_line_fn *line,
	void *userdata, struct chain_result *ret_result);
