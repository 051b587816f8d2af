/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All keys that this peer may see, with all their versions.
 */
#pragma once

#include "client/cekctl/console/ctl.h"

/* Ask for them and print them, as a table or as JSON. Returns an exit status. */
int listing_print(struct ctl *ctl);
