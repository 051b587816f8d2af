/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/take_over.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/shared/testhook.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__Heir Heir;
typedef Cek__Internal__V1__HandOver HandOver;

enum {
	READY_SECONDS =
		10, /* the broker, when it has been told to serve; whatever becomes of it, cekd looks after it */
};

/* ---- the heir --------------------------------------------------------------------------------------------------- */

static int send_heir(const Heir *message)
{
	return dgram_send(OFFER_PAIR, &message->base, NULL, 0);
}

void take_over_fail(int failing_class, const char *why)
{
	Cek__Internal__V1__Failing failing = CEK__INTERNAL__V1__FAILING__INIT;
	Heir message = CEK__INTERNAL__V1__HEIR__INIT;

	failing.class_ = (Cek__Internal__V1__Failing__Class)failing_class;
	failing.why = (char *)(uintptr_t)why;
	message.what_case = CEK__INTERNAL__V1__HEIR__WHAT_FAILING;
	message.failing = &failing;
	(void)send_heir(&message);
}

/* The children notice that their sockets are closed, and end by themselves. What the other one has handed on stays. */
static void __attribute__((noreturn)) leave(struct take_over *heir, int status)
{
	if (status != EXIT_SUCCESS)
		listeners_close(heir->listeners);
	_exit(status);
}

/* One that has ended, or could not be started. Its end as a process only the other one would see. */
static void note_lost(struct family *family, struct child *child, void *data)
{
	struct child **lost = data;

	(void)family;
	if (child->deaf)
		*lost = child;
}

static struct child *lost_child(struct family *family)
{
	struct child *lost = NULL;

	family_each(family, note_lost, &lost);
	if (lost == NULL && family->journal.pid == 0)
		lost = &family->journal;
	if (lost == NULL && family->journal.ready && family->broker.pid == 0)
		lost = &family->broker;
	for (unsigned i = 0; lost == NULL && family->broker.ready && i < family->n_slots; i++)
		if (family->slots[i].child[family->slots[i].now].pid == 0 &&
			family->slots[i].child[family->slots[i].now].why[0] != '\0')
			lost = &family->slots[i].child[family->slots[i].now];
	return lost;
}

static void __attribute__((noreturn)) fail(struct take_over *heir, const struct child *lost)
{
	char why[300];

	(void)snprintf(why, sizeof(why), "%s: %s", lost->name, lost->why[0] != '\0' ? lost->why : "it has ended");
	take_over_fail((int)lost->failing, why);
	leave(heir, EXIT_FAILURE);
}

static bool all_ready(const struct family *family)
{
	bool ready = family->journal.ready && family->broker.ready;

	for (unsigned i = 0; i < family->n_slots; i++)
		ready = ready && family->slots[i].child[family->slots[i].now].ready;
	return ready;
}

static void stand_by(struct take_over *heir)
{
	Cek__Internal__V1__StandingBy standing_by = CEK__INTERNAL__V1__STANDING_BY__INIT;
	Heir message = CEK__INTERNAL__V1__HEIR__INIT;

	testhook_step("take-over.standing-by");
	heir->standing_by = true;
	message.what_case = CEK__INTERNAL__V1__HEIR__WHAT_STANDING_BY;
	message.standing_by = &standing_by;
	if (send_heir(&message) < 0)
		leave(heir, EXIT_FAILURE);
	sequence_sent(&heir->sequence, message.what_case);
}

static int send_inheritance(Cek__Internal__V1__Inheritance *inheritance, const int *fds, size_t n_fds)
{
	HandOver message = CEK__INTERNAL__V1__HAND_OVER__INIT;

	message.what_case = CEK__INTERNAL__V1__HAND_OVER__WHAT_INHERITANCE;
	message.inheritance = inheritance;
	return dgram_send(OFFER_PAIR, &message.base, fds, n_fds);
}

static void send_child(struct family *family, struct child *child, void *data)
{
	Cek__Internal__V1__Inheritance inheritance = CEK__INTERNAL__V1__INHERITANCE__INIT;
	Cek__Internal__V1__InheritedChild row = CEK__INTERNAL__V1__INHERITED_CHILD__INIT;
	const int fds[] = {child->control, child->executing};
	int *r = data;

	row.role = child->role;
	row.manage = child->manage;
	row.index = child->index;
	row.generation = child->generation;
	row.pid = (int32_t)child->pid;
	row.ready = child->ready;
	row.pin = child->pin;
	if (child->role == CHILD_WORKER && !child->manage) {
		row.place = child == &family->slots[child->index].child[1];
		row.now = family->slots[child->index].now == row.place;
	}
	inheritance.what_case = CEK__INTERNAL__V1__INHERITANCE__WHAT_CHILD;
	inheritance.child = &row;
	if (*r == 0)
		*r = send_inheritance(&inheritance, fds, child->executing < 0 ? 1 : 2);
}

static int send_rest(struct take_over *heir)
{
	Cek__Internal__V1__Inheritance inheritance = CEK__INTERNAL__V1__INHERITANCE__INIT;
	Cek__Internal__V1__Inherited rest = CEK__INTERNAL__V1__INHERITED__INIT;
	Cek__Internal__V1__Broken broken = CEK__INTERNAL__V1__BROKEN__INIT;
	struct start *start = heir->start;
	struct offer offer;

	offer_fill(&offer, start->config, start->state, heir->listeners, heir->handed->sandboxed);
	offer.fds[offer.n_fds++] = start->journal_pair[0];
	offer.fds[offer.n_fds++] = start->journal_pair[1];
	offer.fds[offer.n_fds++] = heir->config;
	offer.fds[offer.n_fds++] = start->receipts;
	rest.offer = &offer.message;
	rest.announced = heir->news->announced;
	rest.status = heir->news->status;
	broken.count = heir->family->broken;
	broken.n_count = SEQUENCE_PAIRS;
	rest.broken = &broken;
	inheritance.what_case = CEK__INTERNAL__V1__INHERITANCE__WHAT_REST;
	inheritance.rest = &rest;
	return send_inheritance(&inheritance, offer.fds, offer.n_fds);
}

/* Whatever has ended meanwhile, the process that inherits it will see. */
static void __attribute__((noreturn)) pass_on(struct take_over *heir)
{
	Cek__Internal__V1__Serving serving = CEK__INTERNAL__V1__SERVING__INIT;
	Heir message = CEK__INTERNAL__V1__HEIR__INIT;
	int r;

	testhook_step("take-over.serving");
	listeners_inherit(heir->listeners, heir->start->config->listeners, heir->handed->listeners,
		heir->handed->n_listeners);
	message.what_case = CEK__INTERNAL__V1__HEIR__WHAT_SERVING;
	message.serving = &serving;
	r = send_heir(&message);
	if (r == 0)
		family_each(heir->family, send_child, &r);
	if (r == 0)
		r = send_rest(heir);
	testhook_step("take-over.passed-on");
	if (r < 0)
		log_error("what there is cannot be passed on: %s", strerror(-r));
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void go(struct take_over *heir)
{
	Cek__Internal__V1__TakeOver take_over = CEK__INTERNAL__V1__TAKE_OVER__INIT;
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	const struct timeval wait = {.tv_sec = READY_SECONDS};

	testhook_step("take-over.going");
	heir->going = true;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER;
	message.take_over = &take_over;
	if (child_send(&heir->family->journal, &message, NULL, 0) < 0)
		leave(heir, EXIT_FAILURE);
	(void)evtimer_add(heir->timer, &wait);
}

static void on_timer(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	pass_on(data);
}

/* The other one goes on. */
static void __attribute__((noreturn)) refuse(struct take_over *heir, const char *how)
{
	char why[SEQUENCE_HOW_MAX + 32];

	(void)snprintf(why, sizeof(why), "the cekd that hands over %s", how);
	log_error("%s", why);
	take_over_fail(CEK__INTERNAL__V1__FAILING__CLASS__UNKNOWN, why);
	leave(heir, EXIT_FAILURE);
}

static void on_readable(int fd, short what, void *data)
{
	static uint8_t buffer[DGRAM_MAX];
	struct take_over *heir = data;
	const ssize_t len = dgram_recv(fd, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	char how[SEQUENCE_HOW_MAX];
	HandOver *message;

	(void)what;
	if (len == -EAGAIN)
		return;
	if (len == 0 || len == -ECONNRESET)
		leave(heir, EXIT_FAILURE); /* the other one is gone */
	message = len > 0 ? cek__internal__v1__hand_over__unpack(NULL, (size_t)len, buffer) : NULL;
	if ((message ? sequence_take(&heir->sequence, message->what_case, 0, how)
		     : sequence_no_message(&heir->sequence, how)) != SEQUENCE_FITS)
		refuse(heir, how);
	go(heir);
	cek__internal__v1__hand_over__free_unpacked(message, NULL);
}

int take_over_begin(struct take_over *heir)
{
	heir->timer = evtimer_new(heir->family->base, on_timer, heir);
	heir->readable = event_new(heir->family->base, OFFER_PAIR, EV_READ | EV_PERSIST, on_readable, heir);
	if (heir->timer == NULL || heir->readable == NULL || event_add(heir->readable, NULL) < 0)
		return log_origin(-ENOMEM);
	sequence_init(&heir->sequence, &sequence_cekd_to_heir, HEIR_PREPARING);
	heir->active = true;
	return 0;
}

void take_over_step(struct take_over *heir)
{
	const struct child *lost;

	if (!heir->active)
		return;
	lost = lost_child(heir->family);
	if (lost != NULL && !heir->going)
		fail(heir, lost);
	if (heir->going && (lost != NULL || heir->news->announced))
		pass_on(heir);
	if (!heir->standing_by && all_ready(heir->family))
		stand_by(heir);
}

void take_over_deinit(struct take_over *heir)
{
	if (heir->timer != NULL)
		event_free(heir->timer);
	if (heir->readable != NULL)
		event_free(heir->readable);
	heir->timer = heir->readable = NULL;
}
