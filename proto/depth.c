/* SPDX-License-Identifier: Apache-2.0 */
/* depth.h */
#include "proto/depth.h"

bool json_depth_within(const char *text, size_t len, unsigned max)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && depth > 0 && (c == '}' || c == ']'))
			depth--;
		if (depth > max)
			return false;
	}
	return true;
}
