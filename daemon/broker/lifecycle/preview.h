/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change would do, in words and as the key that it would leave. Everything that could refuse it has been looked
 * at; here nothing is decided.
 */
#pragma once

#include "daemon/broker/lifecycle/change_data.h"

/* Answer the request of this change, which is a preview and whose next step would be its first record, with that. The
 * change is gone. STATUS_OK or -ENOMEM. */
int preview_answer(struct change *change);
