/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a benchmark works on: one encrypted key with all that belongs to it, in a text file of lines NAME=VALUE, octets
 * in hex. scripts/bench writes it, every program here reads it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CASE_BYTES = 1024 };

struct bytes {
	uint8_t data[CASE_BYTES];
	size_t len;
};

struct bench_case {
	char alg[64], enc[64], kid[300], key[80], crv[16];
	char module[300], pin_file[300], token_file[300];
	struct bytes cka_id, cek, encrypted_key, iv, tag, epk_x, epk_y;
};

/* Read path into *ret_case; ends the program with a message if that fails. */
void case_read(const char *path, struct bench_case *ret_case);

/* The first line of a file, without its end. Ends the program if there is none. */
void case_read_line(const char *path, char *out, size_t size);

void case_die(const char *what) __attribute__((noreturn));
