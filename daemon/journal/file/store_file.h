/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h on one file of this machine, keys.jsonl. Everything is done at once and told in the next turn. Nobody else
 * appends: a file that somebody else has written is refused (segment.h), so there are no records of others.
 */
#pragma once

#include "daemon/journal/store.h"

/* Recover it. fd, O_RDWR | O_APPEND, belongs to the store from here on, also on failure; directory (O_PATH is
 * enough) is where keys.jsonl stands, and path is its path: both must stay. 0 or -errno. */
int store_file_open(int fd, int directory, const char *path, struct store **ret_store);

/* The same on a descriptor that may only read: nothing is cut off, and nothing can be appended. */
int store_file_open_to_look(int fd, int directory, const char *path, struct store **ret_store);

/* The same while another process writes the file: nothing is read before store_follow(), and nothing written before its
 * last call. The descriptor must be one of its own (open(2)), for both move its offset. */
int store_file_stand_by(int fd, int directory, const char *path, struct store **ret_store);
