/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of verbs.
 */
#pragma once

#include "client/cekctl/console/ctl.h"

/* Ends with a nameless one. */
extern const struct verb verb_table[];
