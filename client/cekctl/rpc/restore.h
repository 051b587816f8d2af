/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekctl restore show and confirm share: the report on a key journal that may not be the right one.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

/* Ask for it, or send a confirmation. EXIT_SUCCESS: *ret_reply is to be freed with rpc_reply_free(). */
int restore_call(struct ctl *ctl, Cek__V1__RestoreRequest *restore, Cek__V1__Reply **ret_reply);

/* Print it, as text with all keys, or as JSON. Returns an exit status. */
int restore_print(struct ctl *ctl, const Cek__V1__RestoreReply *restore);
