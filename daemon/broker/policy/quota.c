/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/broker/policy/quota.h"

void quota_init(struct quota *quota, uint32_t connections_max, uint32_t requests_max)
{
	for (size_t i = 0; i < QUOTA_BUCKETS; i++)
		list_init(&quota->buckets[i]);
	quota->connections_max = connections_max;
	quota->requests_max = requests_max;
}

void quota_deinit(struct quota *quota)
{
	struct link *link;

	for (size_t i = 0; i < QUOTA_BUCKETS; i++) {
		while (quota->buckets[i].next && (link = list_take(&quota->buckets[i])))
			free(list_entry(link, struct user, link));
	}
}

static struct user *find(struct quota *quota, uint32_t uid)
{
	struct link *bucket = &quota->buckets[uid % QUOTA_BUCKETS];

	for (struct link *link = bucket->next; link != bucket; link = link->next) {
		struct user *user = list_entry(link, struct user, link);

		if (user->uid == uid)
			return user;
	}
	return NULL;
}

int quota_connect(struct quota *quota, uint32_t uid, struct user **ret_user)
{
	struct user *user = find(quota, uid);

	if (user && user->connections >= quota->connections_max)
		return -EUSERS;
	if (!user) {
		if (quota->connections_max == 0)
			return -EUSERS;
		user = calloc(1, sizeof(*user));
		if (!user)
			return -ENOMEM;
		user->uid = uid;
		list_append(&quota->buckets[uid % QUOTA_BUCKETS], &user->link);
	}
	user->connections++;
	*ret_user = user;
	return 0;
}

static void release(struct user *user)
{
	if (user->connections > 0 || user->requests > 0)
		return;
	list_remove(&user->link);
	free(user);
}

void quota_disconnect(struct quota *quota, struct user *user)
{
	user->connections--;
	release(user);
}

int quota_request(struct quota *quota, struct user *user)
{
	if (user->requests >= quota->requests_max)
		return -EUSERS;
	user->requests++;
	return 0;
}

void quota_answer(struct quota *quota, struct user *user)
{
	user->requests--;
	release(user);
}
