/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour, where standard output is a terminal and nobody has said that there shall be none.
 */
#pragma once

#include <stdbool.h>

enum colour { COLOUR_PLAIN, COLOUR_BOLD, COLOUR_DIM, COLOUR_GOOD, COLOUR_CAREFUL, COLOUR_BAD };

/* "auto", "always" or "never". auto: standard output is a terminal, TERM is not "dumb", and NO_COLOR
 * (https://no-color.org) is not set or empty. 0, or -EINVAL for another word. Before the first call nothing is
 * coloured. */
int colour_setup(const char *when);

/* What begins and ends a stretch of text on standard output; nothing without colour. */
void colour_begin(enum colour colour);
void colour_end(enum colour colour);

/* How a word is shown that says how something is: "active", "compromised", "ready", "down", "yes", … */
enum colour colour_of_word(const char *word);
