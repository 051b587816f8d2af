/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__HandOver HandOver;
typedef Cek__Internal__V1__Inheritance Inheritance;

enum {
	FDS_MAX = OFFER_FDS + OFFER_MORE_FDS,
	WAIT_SECONDS = 30,
};

struct received {
	HandOver *message;
	int fds[FDS_MAX];
	size_t n_fds;
};

/* 0 or -errno. */
static int receive(struct sequence *sequence, struct received *ret_received)
{
	static uint8_t buffer[DGRAM_MAX];
	const ssize_t len = dgram_recv(OFFER_PAIR, 0, buffer, sizeof(buffer), ret_received->fds, FDS_MAX,
		&ret_received->n_fds);
	char how[SEQUENCE_HOW_MAX];
	enum sequence_verdict verdict;

	if (len <= 0)
		return len < 0 ? (int)len : -EPIPE;
	ret_received->message = cek__internal__v1__hand_over__unpack(NULL, (size_t)len, buffer);
	verdict = ret_received->message != NULL ? sequence_take(sequence, ret_received->message->what_case, 0, how)
						: sequence_no_message(sequence, how);
	if (verdict != SEQUENCE_FITS)
		log_error("the cekd that hands over %s", how);
	return verdict == SEQUENCE_FITS ? 0 : -EPROTO;
}

static int take_child(const Cek__Internal__V1__InheritedChild *row, const struct received *received,
	struct inheritance *inheritance)
{
	if (inheritance->n_children == INHERITED_CHILDREN_MAX ||
		received->n_fds != (row->role == CHILD_WORKER ? 2 : 1) || row->role > CHILD_WORKER ||
		row->index >= CONFIG_WORKERS_MAX || row->place > 1 || row->pid <= 0 || row->pin > CHILD_HAS_PIN)
		return -EPROTO;
	inheritance->children[inheritance->n_children++] = (struct inherited_child){
		.role = row->role,
		.index = row->index,
		.place = row->place,
		.generation = row->generation,
		.manage = row->manage,
		.now = row->now,
		.ready = row->ready,
		.pin = (enum child_pin)row->pin,
		.pid = row->pid,
		.control = received->fds[0],
		.executing = row->role == CHILD_WORKER ? received->fds[1] : -1,
	};
	return 0;
}

static int take_rest(const Cek__Internal__V1__Inherited *rest, const struct received *received,
	struct inheritance *inheritance)
{
	const int *more = received->fds + received->n_fds - OFFER_MORE_FDS;
	int r;

	if (rest->offer == NULL || received->n_fds < OFFER_MORE_FDS)
		return -EPROTO;
	r = offer_read(rest->offer, received->fds, received->n_fds, OFFER_MORE_FDS, &inheritance->handed);
	inheritance->journal_pair[0] = more[0];
	inheritance->journal_pair[1] = more[1];
	inheritance->config = more[2];
	inheritance->receipts = more[3];
	for (size_t i = 0; rest->broken && i < rest->broken->n_count && i < SEQUENCE_PAIRS; i++)
		inheritance->broken[i] = rest->broken->count[i];
	inheritance->announced = rest->announced;
	(void)snprintf(inheritance->status, sizeof(inheritance->status), "%s", rest->status);
	return r;
}

/* 1: it was the last. */
static int take(const struct received *received, struct inheritance *inheritance)
{
	const HandOver *message = received->message;
	int r;

	if (message->what_case == CEK__INTERNAL__V1__HAND_OVER__WHAT_OFFER) {
		inheritance->heir = true;
		r = offer_read(message->offer, received->fds, received->n_fds, 0, &inheritance->handed);
		return r < 0 ? r : 1;
	}
	if (message->inheritance->what_case == CEK__INTERNAL__V1__INHERITANCE__WHAT_CHILD)
		return take_child(message->inheritance->child, received, inheritance);
	if (message->inheritance->what_case != CEK__INTERNAL__V1__INHERITANCE__WHAT_REST)
		return -EPROTO;
	r = take_rest(message->inheritance->rest, received, inheritance);
	return r < 0 ? r : 1;
}

int inherit_read(struct inheritance *ret_inheritance)
{
	const struct timeval wait = {.tv_sec = WAIT_SECONDS};
	struct sequence sequence;
	int r;

	*ret_inheritance = (struct inheritance){.journal_pair = {-1, -1}, .config = -1, .receipts = -1};
	if (fcntl(OFFER_PAIR, F_SETFD, FD_CLOEXEC) < 0 || fcntl(OFFER_PAIR, F_SETFL, O_RDWR) < 0 ||
		setsockopt(OFFER_PAIR, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0) {
		log_error("--take-over: cekd calls itself so; to hand over send SIGUSR2 to the one that runs");
		return -EINVAL;
	}
	sequence_init(&sequence, &sequence_cekd_to_heir, HEIR_SERVING);
	do {
		struct received received = {.n_fds = 0};

		r = receive(&sequence, &received);
		if (r == 0)
			r = take(&received, ret_inheritance);
		cek__internal__v1__hand_over__free_unpacked(received.message, NULL);
	} while (r == 0);
	if (r < 0)
		log_error("--take-over: what another cekd hands on cannot be read: %s", strerror(-r));
	return r < 0 ? r : 0;
}

static struct child *place_of(const struct inherited_child *row, struct family *family)
{
	if (row->role == CHILD_JOURNAL)
		return &family->journal;
	if (row->role == CHILD_BROKER)
		return &family->broker;
	if (row->manage)
		return &family->manage;
	return row->index < family->n_slots ? &family->slots[row->index].child[row->place] : NULL;
}

static int take_place(const struct inherited_child *row, struct family *family, struct news *news)
{
	struct child *child = place_of(row, family);

	if (child == NULL || child->pid != 0)
		return log_origin(-EPROTO);
	child_started(child, row->pid, row->control);
	child->generation = row->generation;
	child->broker_run = family->broker_runs;
	child_inherited(child, row->ready);
	child->pin = row->pin;
	if (row->role == CHILD_WORKER && row->manage)
		family->manage_starts = row->generation;
	else if (row->role == CHILD_WORKER) {
		struct slot *slot = &family->slots[row->index];

		slot->starts = slot->starts > row->generation ? slot->starts : row->generation;
		slot->now = row->now ? row->place : slot->now;
	}
	if (row->role == CHILD_WORKER && child_watch(child, row->executing) < 0)
		return -ENOMEM;
	return child_listen(child, family->base, news_heard, news);
}

int inherit_children(const struct inheritance *inheritance, struct family *family, struct news *news)
{
	int r = 0;

	family->broker_runs = 1;
	memcpy(family->broken, inheritance->broken, sizeof(family->broken));
	for (size_t i = 0; r == 0 && i < inheritance->n_children; i++)
		r = take_place(&inheritance->children[i], family, news);
	news->told = news->announced = inheritance->announced;
	(void)snprintf(news->status, sizeof(news->status), "%s", inheritance->status);
	return r;
}
