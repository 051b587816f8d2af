/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that others read at any moment: it holds the old text or the new one, whole, also after a crash.
 */
#pragma once

#include <stdbool.h>

enum { FILE_FAULT = 512 };

/* Write text to a file of its folder, then put that in the place of path, with the mode of the one before, 0644 if
 * there is none. What stands there already is left alone, *ret_changed false. Only a regular file is replaced: a link
 * would become a file. What a run that was killed has left beside it for an hour is removed. Returns whether it could;
 * else fault says why, and the old file is as it was. */
bool file_put(const char *path, const char *text, bool *ret_changed, char fault[FILE_FAULT]);
