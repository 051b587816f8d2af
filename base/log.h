/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on standard error: "<priority>program: text", the form that systemd reads (sd-daemon(3)); without a journal
 * behind it, "program: text". Never a CEK, a PIN or a key.
 */
#pragma once

#include <stdbool.h>

/* Once, first: the program's name as it shall stand in every line (static storage). */
void log_open(const char *program);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ask before each line from now on whether it may be written; NULL: no more. For a program whose peers cause lines. */
void log_ask(bool (*may)(void *owner), void *owner);

/*
 * An error (-errno) that ends something is logged once, where it arose, and comes back: return log_origin(-EBADMSG);
 * whoever passes it on says nothing of its own about the place.
 */
#define log_origin(error) log_origin_at((error), __FILE__, __LINE__)
int log_origin_at(int error, const char *file, int line);
