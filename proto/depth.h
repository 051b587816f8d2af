/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How deep JSON goes, before a parser that recurses sees it: jansson's own limit of 2048 is fixed when it is compiled.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether at most max arrays and objects in text stand inside each other. Text that is no JSON may get either answer.
 */
bool json_depth_within(const char *text, size_t len, unsigned max);
