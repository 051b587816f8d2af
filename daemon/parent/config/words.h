/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of a configuration as they are written: strings with their escapes, variables, bare words.
 */
#pragma once

#include "daemon/parent/config/scan.h"

/* What a bare word is made of. */
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@%/-"

/* And what any value can begin with. */
#define WORD_BEGINS "\"'$" WORD_CHARS

/* A string, a variable that is one, or a bare word, all of which are strings to libconfuse. 0 or -EINVAL. */
int words_read(struct scan *scan);
