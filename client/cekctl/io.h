/*
 * Standard input and output without stdio, so that a secret is nowhere but in the caller's locked memory.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Read to the end of fd. Returns the number of bytes, -EMSGSIZE for more than size, or -errno. */
ssize_t io_read_all(int fd, void *data, size_t size);

/* 0 or -errno. */
int io_write_all(int fd, const void *data, size_t len);
