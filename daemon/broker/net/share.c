/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/net/share.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/policy/quota.h"

enum {
	INPUT_OF_A_USER = 64 * FRAME_MAX,
	SHARE_MIN = 4 * FRAME_MAX, /* of input and output each, however much others hold */
	WOKEN = 16,
};

/* As much as is left for the next one, so that there is always something for one who holds nothing yet. */
static size_t share(const struct server *server, size_t most)
{
	const size_t used = server->chunks.in_use * sizeof(struct chunk), all = server->turn->locked_most;
	size_t left = all > used ? all - used : 0;

	if (left < SHARE_MIN)
		left = SHARE_MIN;
	return left < most ? left : most;
}

bool share_has_output(const struct peer *peer)
{
	const struct server *server = peer->server;
	const size_t held = peer->user->output;

	if (held + FRAME_MAX <= SHARE_MIN && held + FRAME_MAX <= server->turn->output_per_user)
		return true;
	return held == 0 || held + FRAME_MAX <= share(server, server->turn->output_per_user);
}

bool share_has_input(const struct peer *peer)
{
	return peer->user->input + READ_SIZE <= share(peer->server, INPUT_OF_A_USER);
}

/* Its records are written, but for a few. */
static bool has_records(const struct server *server, struct user *user, size_t times)
{
	const struct audit *audit = server->audit;

	return !audit_full(audit) &&
		!audit_over_share(audit, times * quota_records(user, audit->written), server->quota->present > 1);
}

/* So many of those that wait look again, the one first that has waited longest. */
static void wake(struct server *server, struct user *user, size_t n)
{
	struct link *link;

	if (list_empty(&user->waiting))
		return;
	for (; n > 0 && (link = list_take(&user->waiting)); n--)
		list_append(&user->ready, link);
	turns_enter(&server->quota->turns, &user->turn);
}

void share_account(struct peer *peer)
{
	const size_t chunks = (peer->input.len + CHUNK_DATA - 1) / CHUNK_DATA;
	struct user *user = peer->user;

	user->input += chunks * sizeof(struct chunk) - peer->held_input;
	peer->held_input = chunks * sizeof(struct chunk);
	if (peer->held_input > 0 || user->input_holder != peer)
		return;
	user->input_holder = NULL; /* another one may complete its frame */
	if (list_empty(&user->stopped))
		wake(peer->server, user, 1);
}

bool share_has_records(const struct peer *peer)
{
	return has_records(peer->server, peer->user, 1);
}

void share_wait(struct peer *peer, bool records)
{
	list_remove(&peer->ready);
	list_append(&peer->user->waiting, &peer->ready);
	peer->waits = true;
	if (records && list_empty(&peer->user->stopped))
		list_append(&peer->server->stopped, &peer->user->stopped);
}

void share_less(struct server *server, struct user *user)
{
	size_t input, output;

	if (list_empty(&user->waiting) || !list_empty(&user->stopped))
		return;
	input = share(server, INPUT_OF_A_USER);
	output = share(server, server->turn->output_per_user);
	/* Not for each byte; and no more than may use it, since there may be thousands. */
	if (user->input <= input - input / 4 && user->output <= output - output / 4)
		wake(server, user, WOKEN);
}

void share_look(struct server *server)
{
	for (size_t i = 0; i < QUOTA_BUCKETS; i++) {
		struct link *bucket = &server->quota->buckets[i];

		for (struct link *link = bucket->next; link != bucket; link = link->next) {
			struct user *user = list_entry(link, struct user, link);

			wake(server, user, SIZE_MAX);
		}
	}
}

void share_written(struct server *server)
{
	for (struct link *link = server->stopped.next, *next; link != &server->stopped; link = next) {
		struct user *user = list_entry(link, struct user, stopped);

		next = link->next;
		if (!has_records(server, user, 2))
			continue;
		list_remove(link);
		wake(server, user, SIZE_MAX);
	}
}
