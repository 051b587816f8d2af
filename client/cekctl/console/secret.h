/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret that a person types or keeps in a file. Nothing of it is left but in ret_text, which is locked memory of the
 * caller's.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The first line of a file, without its end. Returns its length, -EMSGSIZE for more than size bytes, or -errno. */
ssize_t secret_from_file(const char *path, char *ret_text, size_t size);

/* A line from the terminal, which does not show it. Returns its length; -ENXIO if this process has no terminal, -EINTR
 * after a signal, which does its work then, -ENODATA at the end of input, or as secret_from_file(). */
ssize_t secret_ask(const char *question, char *ret_text, size_t size);
