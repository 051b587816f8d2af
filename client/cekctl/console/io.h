/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input and output without stdio, so that a secret is nowhere but in the caller's locked memory; and lines,
 * which hold none.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Read to the end of fd. Returns the number of bytes, -EMSGSIZE for more than size, or -errno. */
ssize_t io_read_all(int fd, void *data, size_t size);

/* 0 or -errno. */
int io_write_all(int fd, const void *data, size_t len);

/* The next line of file, for free(3): its length without the newline, and a NUL behind it. Returns 1; 0 at the end of
 * the file; -EMSGSIZE for a line of more than max bytes, or -errno. */
int io_read_line(FILE *file, size_t max, char **ret_line, size_t *ret_len);
