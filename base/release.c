/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/release.h"

enum { PARTS = 3 };

static bool parse(const char *text, unsigned ret_parts[PARTS])
{
	return sscanf(text, "%9u.%9u.%9u", &ret_parts[0], &ret_parts[1], &ret_parts[2]) == PARTS;
}

bool release_later(const char *release, const char *than)
{
	unsigned a[PARTS], b[PARTS];
	int i = 0;

	if (!parse(release, a) || !parse(than, b))
		return false;
	while (i < PARTS - 1 && a[i] == b[i])
		i++;
	return a[i] > b[i];
}
