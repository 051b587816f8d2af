/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison of ring and token. It explains and never repairs: what is to be deleted is for an operator to say.
 *
 *   missing   a version whose object the token does not have
 *   partial   an object without its value: what a crash during creation leaves
 *   orphan    an object of an intent of ours that came to nothing
 *   foreign   an object that our journal has never heard of: another daemon's, or somebody else's
 *   twin      other keys with the CKA_ID of a version
 */
#pragma once

#include "base/wipe.h"
#include "daemon/broker/base/names.h"
#include "daemon/broker/context/context.h"

struct inventory;

/* Keep the objects of one part of an inventory. *inventory is NULL at first. 0; -ENOMEM, also if there are too many;
 * -EPROTO: a part that brings nothing and says that more follows. */
int fsck_add(struct inventory **inventory, const JobResult *result);

struct inventory *inventory_free(struct inventory *inventory);

/* How many keys bear the marks of those that cekd makes, though the ring has nothing for them: a private or secret key
 * with a CKA_ID of CKA_ID_LEN octets and a key name as its label, sensitive, not extractable, that does not sign. No
 * token drops these; CKA_ALLOWED_MECHANISMS some do. Keys of a ceremony seldom have all of them. */
size_t fsck_unknown_keys(const struct ring *ring, const struct inventory *inventory);

/* How many private or secret keys there are that the ring has nothing for, whoever made them. */
size_t fsck_foreign_keys(const struct ring *ring, const struct inventory *inventory);

/* Compare; findings are made in arena. Versions that are missing, or are back, are put on record. 0 or -ENOMEM. */
int fsck_findings(struct broker *broker, const struct inventory *inventory, struct arena *arena,
	Cek__V1__FsckReply *ret_reply);
