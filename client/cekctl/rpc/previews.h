/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several new versions of one key would become, told as one preview: cekd previews each as if it were alone.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

/* Ask cekd for the preview of a request that adds a version, and put it to those before (*all, NULL: it is the first).
 * The first version of a key is active, the others only unwrap. Returns an exit status; *all is the caller's. */
int previews_add(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply **all);
