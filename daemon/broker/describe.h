/*
 * Keys and versions as peers see them.
 */
#pragma once

#include "daemon/broker/request.h"

/* A description in broker->arena; full: with peers, public keys and the plan. 0 or -ENOMEM. */
int describe_key(const struct request *request, const struct key *key, bool full, Cek__V1__Key **ret_key);

/* Fill request->reply with the full description. Returns STATUS_OK or -ENOMEM. */
int describe_reply(struct request *request, const struct key *key);

/* The timetable that a rotation by hand would be followed by, instead of the one by schedule. 0 or -ENOMEM. */
int describe_plan(const struct request *request, const struct key *key, bool rotate, Cek__V1__Key *to);
