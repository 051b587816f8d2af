/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/policy/quota.h"

enum {
	SECOND_US = 1000000,
	LINE_US = SECOND_US / QUOTA_LINES,
	TELL_US = 10 * SECOND_US, /* of one user, how often lines that were left out are told */
};

void quota_init(struct quota *quota, uint32_t connections_max, uint32_t requests_max)
{
	*quota = (struct quota){.connections_max = connections_max, .requests_max = requests_max};
	for (size_t i = 0; i < QUOTA_BUCKETS; i++)
		list_init(&quota->buckets[i]);
	list_init(&quota->gone);
	turns_init(&quota->turns);
}

static void forget(struct user *user)
{
	turns_leave(&user->turn);
	list_remove(&user->stopped);
	list_remove(&user->gone);
	list_remove(&user->link);
	free(user);
}

void quota_deinit(struct quota *quota)
{
	for (size_t i = 0; i < QUOTA_BUCKETS; i++) {
		while (quota->buckets[i].next && !list_empty(&quota->buckets[i]))
			forget(list_entry(quota->buckets[i].next, struct user, link));
	}
}

static struct user *find(struct quota *quota, uint32_t uid, size_t listener)
{
	struct link *bucket = &quota->buckets[(uid + listener) % QUOTA_BUCKETS];

	for (struct link *link = bucket->next; link != bucket; link = link->next) {
		struct user *user = list_entry(link, struct user, link);

		if (user->uid == uid && user->listener == listener)
			return user;
	}
	return NULL;
}

/* Who is gone is remembered for a while: otherwise whoever connects anew would owe nothing. */
static void leave(struct quota *quota, struct user *user)
{
	if (user->connections > 0 || user->requests > 0 || !list_empty(&user->gone))
		return;
	list_append(&quota->gone, &user->gone);
	if (++quota->n_gone <= QUOTA_GONE_MAX)
		return;
	quota->n_gone--;
	forget(list_entry(quota->gone.next, struct user, gone));
}

struct user *quota_user(struct quota *quota, uint32_t uid, size_t listener, const char *name)
{
	struct user *user = find(quota, uid, listener);

	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->listener = listener;
	user->listener_name = name;
	turns_place_init(&user->turn);
	list_init(&user->gone);
	list_init(&user->ready);
	list_init(&user->waiting);
	list_init(&user->stopped);
	list_append(&quota->buckets[(uid + listener) % QUOTA_BUCKETS], &user->link);
	leave(quota, user);
	return user;
}

int quota_connect(struct quota *quota, struct user *user)
{
	if (user->connections >= quota->connections_max)
		return -EUSERS;
	if (!list_empty(&user->gone)) {
		list_remove(&user->gone);
		quota->n_gone--;
	}
	quota->present += user->connections++ == 0;
	return 0;
}

void quota_disconnect(struct quota *quota, struct user *user)
{
	quota->present -= --user->connections == 0;
	leave(quota, user);
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
	leave(quota, user);
}

void quota_record(struct user *user, size_t len, uint64_t n)
{
	user->records.younger += len;
	user->records.younger_n = n;
}

size_t quota_records(struct user *user, uint64_t written_n)
{
	struct backlog *records = &user->records;

	if (records->older_n <= written_n)
		*records = (struct backlog){.older = records->younger, .older_n = records->younger_n};
	if (records->older_n <= written_n)
		*records = (struct backlog){0};
	return records->older + records->younger;
}

struct user *quota_serve(struct quota *quota, struct user *user)
{
	struct user *before = quota->served;

	quota->served = user;
	return before;
}

/* Until spent_us its lines come too soon, but for a burst of them. */
bool quota_may_log(void *owner)
{
	struct quota *quota = owner;
	struct log_lines *lines = quota->served ? &quota->served->lines : NULL;
	const uint64_t now_us = clock_monotonic_us();

	if (!lines)
		return true;
	if (lines->spent_us < now_us)
		lines->spent_us = now_us;
	if (lines->spent_us + LINE_US > now_us + (uint64_t)QUOTA_LINES_BURST * LINE_US) {
		lines->untold_us = lines->untold++ == 0 ? now_us : lines->untold_us;
		return false;
	}
	lines->spent_us += LINE_US;
	return true;
}

static void tell(struct user *user, uint64_t now_us)
{
	struct log_lines *lines = &user->lines;

	if (lines->untold == 0 || now_us - lines->untold_us < TELL_US)
		return;
	log_warning("%" PRIu64 " more lines like these, within %" PRIu64
		    " s, were caused by uid %u at listener %s and left out",
		lines->untold, (now_us - lines->untold_us) / SECOND_US, user->uid, user->listener_name);
	lines->untold = 0;
}

static bool owes(struct quota *quota, struct user *user, uint64_t now_us, uint64_t written_n)
{
	const struct log_lines *lines = &user->lines;

	return !turns_forgiven(&quota->turns, &user->turn) || quota_records(user, written_n) > 0 || lines->untold > 0 ||
		lines->spent_us > now_us || lines->told_until_us > now_us;
}

void quota_look(struct quota *quota, uint64_t now_us, uint64_t written_n)
{
	for (size_t i = 0; i < QUOTA_BUCKETS; i++) {
		for (struct link *link = quota->buckets[i].next, *next; link != &quota->buckets[i]; link = next) {
			struct user *user = list_entry(link, struct user, link);

			next = link->next;
			tell(user, now_us);
			if (list_empty(&user->gone) || owes(quota, user, now_us, written_n))
				continue;
			quota->n_gone--;
			forget(user);
		}
	}
}
