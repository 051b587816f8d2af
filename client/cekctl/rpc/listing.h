/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All keys that this peer may see, with all their versions.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

/* One of them, with all its versions. EXIT_SUCCESS: go on. */
typedef int listing_key(struct ctl *ctl, const Cek__V1__Key *key, void *data);

/* Ask for them and give each, in the order of their names. Returns an exit status. */
int listing_each(struct ctl *ctl, listing_key *each, void *data);

/* Ask for them and print them, as a table, as names or as JSON. Returns an exit status. */
int listing_print(struct ctl *ctl);
