/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key with all its versions, which one reply may not hold.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

/* DescribeKey by name or kid, one of which is not NULL, page after page; brief: without peers, public keys and plan. As
 * rpc_describe(); the versions are those of one moment. */
int versions_describe(struct ctl *ctl, const char *name, const char *kid, bool brief, Cek__V1__Reply **ret_reply);

/* Say on stderr that a cekd before such pages has left out the oldest versions, if it has. */
void versions_warn(const struct ctl *ctl, const Cek__V1__Key *key);
