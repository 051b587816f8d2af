/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each uid holds at the moment, over all its connections, so that one user cannot crowd out the others.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum { QUOTA_BUCKETS = 256 };

struct user {
	struct link link;
	uint32_t uid;
	uint32_t connections;
	uint32_t requests; /* open */
	size_t output;     /* bytes of replies that it has not read */
};

struct quota {
	struct link buckets[QUOTA_BUCKETS];
	uint32_t connections_max; /* a uid */
	uint32_t requests_max;
};

void quota_init(struct quota *quota, uint32_t connections_max, uint32_t requests_max);
void quota_deinit(struct quota *quota);

/* Count a connection of uid. 0 and the user, valid until its last connection and request are given back; -EUSERS if it
 * has as many as it may; -ENOMEM. */
int quota_connect(struct quota *quota, uint32_t uid, struct user **ret_user);
void quota_disconnect(struct quota *quota, struct user *user);

/* Count a request. 0 or -EUSERS. */
int quota_request(struct quota *quota, struct user *user);
void quota_answer(struct quota *quota, struct user *user);
