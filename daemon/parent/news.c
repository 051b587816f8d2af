/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/news.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/parent/breach.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/pins.h"
#include "daemon/parent/tell.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__Control Control;

enum {
	CONTROL_MAX = 8192, /* bytes: children have nothing longer to say */
	TURN_MAX = 64,      /* datagrams read in one turn, so that none of them keeps cekd busy */
};

void news_pins(const struct news *news)
{
	const struct pins pins = {news->family, news->logins, news->pin_file};

	pins_give(&pins);
}

static void take_failing(struct news *news, struct child *child, const Cek__Internal__V1__Failing *failing)
{
	child->failing = failing->class_;
	(void)snprintf(child->why, sizeof(child->why), "%s", failing->why);
	if (child->role != CHILD_WORKER || child->failing != CEK__INTERNAL__V1__FAILING__CLASS__PIN ||
		news->logins->stopped)
		return;
	logins_stop(news->logins);
	news->refused = child;
	news_pins(news); /* who waits for a login hears it */
	log_error("no further login is tried, so that the token does not lock: write the right PIN to %s, or send "
		  "SIGHUP",
		news->pin_file);
}

/* The broker asks for the manage worker, or for another one instead of a use worker that has grown. */
static void take_want(struct family *family, const Cek__Internal__V1__WantWorker *want)
{
	struct slot *slot;

	if (want->manage) {
		family->manage_wanted = true;
		return;
	}
	if (want->index >= family->n_slots)
		return;
	slot = &family->slots[want->index];
	/* Not twice for the same one, and not before the one before that is gone. */
	if (slot->child[slot->now].generation != want->generation || slot->child[slot->now].pid == 0 ||
		slot->child[1 - slot->now].pid != 0)
		return;
	slot->now = 1 - slot->now;
}

/* One that broke the rules is killed at once, even inside a login: it does not do what it was written to do, and no
 * word of it counts any more. One that hangs is left to the judge. */
static void end_worker(struct family *family, struct child *child, void *data)
{
	const Cek__Internal__V1__EndWorker *end = data;

	if (child->role != CHILD_WORKER || child->manage != end->manage || child->index != end->index ||
		child->generation != end->generation || child->broker_run != family->broker_runs)
		return;
	child->unwanted = end->hung;
	if (end->hung) {
		(void)snprintf(child->why, sizeof(child->why), "killed: it %s", end->how);
		return;
	}
	breach_note(family, SEQUENCE_WORKER_TO_BROKER, child->name, end->how);
	breach_end(child, end->how);
}

/* Another one may have taken its place meanwhile; one that broke the rules may have been too young to say who it is.
 * One that was asked to end has a bound of its own. */
static void end_journal(struct family *family, const Cek__Internal__V1__EndJournal *end)
{
	struct child *journal = &family->journal;

	if (end->broke)
		breach_note(family, SEQUENCE_JOURNAL_TO_BROKER, journal->name, end->how);
	if (journal->pid == 0 || journal->condemned || (journal->draining && !end->broke) ||
		(journal->pid != (pid_t)end->pid && !(end->broke && end->pid == 0)))
		return;
	breach_end(journal, end->how);
}

static void take_state(struct news *news, const Cek__Internal__V1__ServiceState *state)
{
	(void)snprintf(news->status, sizeof(news->status), "%s", state->text);
	notify_status(state->text);
	if (!news->told && (state->ready || state->waiting)) {
		news->told = true;
		notify_ready();
		if (!state->ready)
			log_warning("the sockets are open, but no CEK is served so far: %s", state->text);
	}
	if (!state->ready || news->announced)
		return;
	news->announced = true;
	log_info("ready");
}

void news_reloaded(struct news *news)
{
	if (news->reloading)
		notify_ready();
	news->reloading = false;
}

static void take_broker(struct news *news, const Control *message)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__CONTROL__WHAT_WANT_WORKER:
		take_want(news->family, message->want_worker);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_END_WORKER:
		family_each(news->family, end_worker, message->end_worker);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_END_JOURNAL:
		end_journal(news->family, message->end_journal);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED:
		news_reloaded(news);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_STATE:
		take_state(news, message->state);
		return;
	default: /* the table has no others */
		return;
	}
}

/* A new broker does not know yet that no worker will come. */
static void take_broker_ready(struct news *news)
{
	if (news->logins->stopped && news->refused != NULL)
		tell_worker_gone(&news->family->broker, news->refused, true, true);
}

/* The service manager's watchdog lives on the loops of both: the broker's, and this one. */
static void take_alive(struct child *child)
{
	if (child->late)
		log_info("%s (pid %d) answers again", child->name, (int)child->pid);
	child->owed_us = 0;
	child->late = false;
	if (child->role == CHILD_BROKER)
		notify_watchdog();
}

/* It reads what another one sends. Cekd itself nobody replaces; who accuses it ends. */
static void take_accusation_of_cekd(struct news *news, struct child *child, const char *how)
{
	log_error("%s (pid %d) says that cekd %s, and ends", child->name, (int)child->pid, how);
	breach_count(news->family, breach_by_cekd(child));
	(void)snprintf(child->why, sizeof(child->why), "cekd %s", how);
}

/* The broker is ended; and a worker that accuses it ends as well, which the judge sees to if it does not. It tells of
 * the broker that it was started for. */
static void take_accusation_of_broker(struct news *news, struct child *child, const char *how)
{
	struct family *family = news->family;
	struct child *broker = &family->broker;

	breach_note(family, breach_by_broker(child), broker->name, how);
	if (child->role == CHILD_WORKER) {
		(void)snprintf(child->why, sizeof(child->why), "the broker %s", how);
		child->unwanted = true;
	}
	if (broker->pid != 0 && (child->role == CHILD_JOURNAL || child->broker_run == family->broker_runs))
		breach_end(broker, how);
}

static void take_login(struct news *news, struct child *child, bool in_order)
{
	static const char how[] = "asked for the PIN, or ended a login, out of turn";

	if (in_order) {
		news_pins(news);
		return;
	}
	breach_note(news->family, SEQUENCE_WORKER_TO_CEKD, child->name, how);
	breach_end(child, how);
	child_ignore(child);
}

static void take(struct news *news, struct child *child, const Control *message)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__CONTROL__WHAT_READY:
		child_ready(child);
		if (child->role == CHILD_BROKER)
			take_broker_ready(news);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE:
		take_alive(child);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_FAILING:
		take_failing(news, child, message->failing);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_BROKE:
		if (message->broke->cekd || child->role == CHILD_BROKER)
			take_accusation_of_cekd(news, child, message->broke->how);
		else
			take_accusation_of_broker(news, child, message->broke->how);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_WANT_PIN:
		take_login(news, child, pins_asked(child));
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_LOGIN_OVER:
		take_login(news, child, pins_over(child));
		return;
	default:
		take_broker(news, message);
		return;
	}
}

/* 1 if there may be more. A child that sends what is no message cannot be trusted with its work. */
static int read_one(struct news *news, struct child *child)
{
	static uint8_t buffer[CONTROL_MAX];
	const ssize_t len = dgram_recv(child->control, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	char how[SEQUENCE_HOW_MAX];
	Control *message;

	if (len == -EAGAIN)
		return 0;
	if (len == -ECONNRESET) /* it left something unread; told once, and before its last words */
		return 1;
	if (child->condemned) /* no word of it counts any more */
		return len != 0;
	if (len == 0) {
		child_ignore(child);
		return 0;
	}
	message = len > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)len, buffer) : NULL;
	if ((message ? sequence_take(&child->sequence, message->what_case, 0, how)
		     : sequence_no_message(&child->sequence, how)) != SEQUENCE_FITS) {
		breach_note(news->family, child->sequence.table->pair, child->name, how);
		breach_end(child, how);
		child_ignore(child);
		cek__internal__v1__control__free_unpacked(message, NULL);
		return 0;
	}
	take(news, child, message);
	cek__internal__v1__control__free_unpacked(message, NULL);
	return 1;
}

void news_read(struct news *news, struct child *child)
{
	if (child->readable == NULL)
		return;
	for (int i = 0; i < TURN_MAX && read_one(news, child) > 0; i++)
		continue;
}

void news_heard(void *data, struct child *child)
{
	struct news *news = data;

	news_read(news, child);
	news->family->changed(news->family->owner);
}
