/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and versions as peers see them.
 */
#pragma once

#include "daemon/broker/request/request.h"

/* What of a key is wanted. It always fits into a frame: of a key with many versions as many as there is room for, and
 * Key.before says where the others begin. */
struct describe {
	bool brief;                  /* without peers, public keys and the plan */
	uint32_t before;             /* only versions numbered below; 0 = all */
	const struct version *asked; /* is among them, if before is 0; may be NULL */
};

/* A description in the arena. 0 or -ENOMEM. */
int describe_key(const struct request *request, const struct key *key, const struct describe *how,
	Cek__V1__Key **ret_key);

/* Who used a version, how often and when, in the arena. 0 or -ENOMEM. */
int describe_usage(const struct request *request, const struct usage *usage, Cek__V1__Usage *to);

/* Fill request->reply with it. Returns STATUS_OK or -ENOMEM. */
int describe_reply(struct request *request, const struct key *key, const struct describe *how);

/* The timetable that a rotation by hand would be followed by, instead of the one by schedule. 0 or -ENOMEM. */
int describe_plan(const struct request *request, const struct key *key, bool rotate, Cek__V1__Key *to);

/* Fill request->reply with what an operator must see of a journal that waits for a confirmation. Returns STATUS_OK or
 * -ENOMEM. */
int describe_restore(struct request *request);
