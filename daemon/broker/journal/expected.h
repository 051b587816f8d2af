/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the journal may say now what it says. One that may not is ended by cekd, and not believed any more; the next
 * one tells its state, and is asked what it holds.
 */
#pragma once

#include "daemon/broker/journal/journal_data.h"

/* message: NULL for what is none. False: it is to be dropped, for it broke the rules or was meant for an earlier
 * broker. */
bool expected(struct journal *journal, const Cek__Internal__V1__FromJournal *message);

/* Tell cekd, which took no message before, that it broke the rules. */
void expected_tell(struct journal *journal);
