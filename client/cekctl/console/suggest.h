/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the word that is nearest to a misspelt one.
 */
#pragma once

#include <stddef.h>

struct suggestion {
	const char *typed;
	const char *best; /* NULL: none is near enough */
	size_t distance;
};

/* Letters added, left out, replaced or exchanged with their neighbour between a and b (optimal string alignment),
 * whatever their case; more than any word has if one is too long to be a word. */
size_t suggest_distance(const char *a, const char *b);

void suggest_begin(struct suggestion *suggestion, const char *typed);

/* word becomes the best one if it is nearer than those before it, and near: the shorter a word, the fewer letters may
 * be wrong. as is what to suggest then (word itself, or where it is part of more). Both must stay. */
void suggest_try(struct suggestion *suggestion, const char *word, const char *as);
