/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of releases: three numbers, "0.10.2".
 */
#pragma once

#include <stdbool.h>

enum { RELEASE_MAX = 32 }; /* bytes of a name, with NUL */

/* Whether a release is later than another one; false if one of them is no name of a release. */
bool release_later(const char *release, const char *than);
