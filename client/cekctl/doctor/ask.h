/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request whose failure is a finding: nothing is reported.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/rpc/reach.h"

/* CEK_OK: *ret_reply has a result of the kind wanted, to be freed with rpc_reply_free(). Otherwise a status of libcek,
 * and why. */
int ask(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply,
	struct reach *ret_why);
