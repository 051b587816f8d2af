/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of cekd's processes has sent another one what may not come (proto/sequence.h).
 */
#pragma once

#include "daemon/parent/family.h"

/* Count it, and tell the broker the counts, if there is one. */
void breach_count(struct family *family, enum sequence_pair pair);

/* The same, and log that the sender is ended, by its name. */
void breach_note(struct family *family, enum sequence_pair pair, const char *who, const char *how);

/* Who has broken the rules does not do what it was written to do, and no word of it counts any more: it is killed at
 * once, even inside a login. */
void breach_end(struct child *child, const char *how);

/* The pair whose reader is child. */
enum sequence_pair breach_by_cekd(const struct child *child);
enum sequence_pair breach_by_broker(const struct child *child);
