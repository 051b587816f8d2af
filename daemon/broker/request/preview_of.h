/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A preview is the request that it is about, as far as its first record.
 */
#pragma once

#include "base/wipe.h"
#include "daemon/broker/base/names.h"

/* The request that the preview in this message is about, made in the arena. STATUS_OK; a status and why (static text):
 * there is none in it, or none that changes anything; -ENOMEM. */
int preview_of(struct arena *arena, const CekRequest *message, const CekRequest **ret_inside, const char **ret_why);
