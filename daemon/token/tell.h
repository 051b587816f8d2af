/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker tells cekd, beside its work.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/p11/session.h"
#include "proto/internal.pb-c.h"

enum {
	TELL_CONTROL = 3, /* the descriptor of the pair with cekd */
};

void tell_cekd(Cek__Internal__V1__Control *control);

/* The worker is about to end because of this; logged as well. */
void tell_failing(Cek__Internal__V1__Failing__Class class, const char *why);

/* Who sends to this worker broke the rules between them: cekd itself, or the broker. Logged as well. */
void tell_broke(bool cekd, const char *how);

/* cekd --check: what was found of module and token, and how the sandbox is. */
void tell_checked(const struct session *session, const char *sandbox);
