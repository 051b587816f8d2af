/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/judge.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/parent/look.h"
#include "daemon/shared/executing.h"

typedef Cek__Internal__V1__Control Control;

enum {
	CALLS_MAX = 10,    /* what a worker may say that it is allowed, in calls: as long as its slowest job */
	LOOK_EVERY = 4,    /* questions */
	START_BOUNDS = 30, /* a journal reads a long file before it answers, a worker loads a module */
};

static double seconds(const struct judge *judge, const struct child *child)
{
	return (double)pulse_age(&judge->pulse, child->owed_us) / 1e6;
}

static void condemn(struct child *child, const char *what)
{
	if (child->condemned)
		return;
	child->condemned = true;
	log_error("%s (pid %d) %s: killed", child->name, (int)child->pid, what);
	if (child->why[0] == '\0')
		(void)snprintf(child->why, sizeof(child->why), "killed: it %s", what);
	child_kill(child, SIGKILL);
}

/* What is late is told once, and once that it is not any more. */
static void tell_late(const struct judge *judge, struct child *child, uint64_t grace_us)
{
	const bool late = pulse_late(&judge->pulse, child->owed_us, grace_us);

	if (late && !child->late)
		log_warning("%s (pid %d) does not answer, for %.1f s", child->name, (int)child->pid,
			seconds(judge, child));
	child->late = late;
}

/* ---- broker and journal ------------------------------------------------------------------------------------------ */

static void add_look(const struct judge *judge, Cek__Internal__V1__AreYouThere *question)
{
	static struct look look;

	look_around(judge->family, &look);
	question->look = look.list;
	question->n_look = look.n;
}

/* One at a time: who does not read gets no second one, and a pair that is full counts as well: then it is put again. */
static void ask(const struct judge *judge, struct child *child)
{
	Cek__Internal__V1__AreYouThere question = CEK__INTERNAL__V1__ARE_YOU_THERE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE;
	message.are_you_there = &question;
	if (child->role == CHILD_BROKER && (child->asks++ % LOOK_EVERY == 0 || look_is_due(judge->family)))
		add_look(judge, &question);
	child->asked = child_send(child, &message, NULL, 0) >= 0;
	if (child->asked || child->owed_us == 0) /* one that makes room reads */
		child->owed_us = judge->pulse.now_us;
}

/* Those that were asked to end have bounds of their own. */
static void judge_asked(const struct judge *judge, struct child *child)
{
	const uint64_t grace_us = child->ready ? 0 : (START_BOUNDS - 1) * judge->pulse.bound_us;
	char what[64];

	if (child->draining || child->deaf)
		return;
	tell_late(judge, child, grace_us);
	if (child->owed_us == 0 || !child->asked)
		ask(judge, child);
	if (pulse_over(&judge->pulse, child->owed_us, grace_us)) {
		(void)snprintf(what, sizeof(what), "did not answer for %.1f s", seconds(judge, child));
		condemn(child, what);
	}
}

/* ---- workers ----------------------------------------------------------------------------------------------------- */

/* What a worker has to do by itself. NULL: it serves, and its broker judges it. */
static const char *expected(const struct family *family, const struct child *child)
{
	const struct slot *slot = &family->slots[child->index];

	if (child->unwanted)
		return "does not answer the broker";
	if (!child->ready)
		return "was not ready";
	if (child->draining || child->broker_run != family->broker_runs ||
		(!child->manage && child != &slot->child[slot->now]))
		return "did not end";
	return NULL;
}

/* Each step of it begins the time anew. */
static void look(const struct judge *judge, struct child *child, uint64_t allowed_us)
{
	const uint64_t begun = child->page->job;
	const bool login = child->page->login != 0;

	if (child->owed_us == 0 || begun != child->seen.begun || allowed_us != child->seen.allowed_us ||
		login != child->seen.login)
		child->owed_us = judge->pulse.now_us;
	child->seen.begun = begun;
	child->seen.allowed_us = allowed_us;
	child->seen.login = login;
	child->in_login = child->in_login && login;
}

static void judge_worker(const struct judge *judge, struct child *child)
{
	const char *duty = expected(judge->family, child);
	const uint64_t allowed_us = executing_allowed_us(child->page,
		CALLS_MAX * (uint64_t)judge->call_seconds * 1000000);
	const uint64_t grace_us = child->ready || allowed_us > 0 ? allowed_us
								 : (START_BOUNDS - 1) * judge->pulse.bound_us;
	char what[96];

	if (duty == NULL) {
		child->owed_us = 0;
		child->late = child->in_login = false;
		return;
	}
	look(judge, child, allowed_us);
	tell_late(judge, child, grace_us);
	if (!child->unwanted && !pulse_over(&judge->pulse, child->owed_us, grace_us))
		return;
	if (child->unwanted)
		(void)snprintf(what, sizeof(what), "%s", duty);
	else
		(void)snprintf(what, sizeof(what), "%s for %.1f s", duty, seconds(judge, child));
	if (!child->seen.login) {
		condemn(child, what);
	} else if (!child->in_login) {
		child->in_login = true;
		log_error("%s (pid %d) %s, inside a login: it is not killed, since that can ruin the token; until it "
			  "goes on or somebody ends it no other worker logs in",
			child->name, (int)child->pid, what);
	}
}

/* ---- the beat ---------------------------------------------------------------------------------------------------- */

static void judge_child(struct family *family, struct child *child, void *data)
{
	(void)family;
	if (child->condemned)
		return;
	if (child->role != CHILD_WORKER)
		judge_asked(data, child);
	else if (child->page != NULL)
		judge_worker(data, child);
}

void judge_beat(struct judge *judge, uint64_t now_us)
{
	pulse_beat(&judge->pulse, now_us);
	family_each(judge->family, judge_child, judge);
}

static void on_beat(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	judge_beat(data, clock_monotonic_us());
}

int judge_init(struct judge *judge, struct family *family, unsigned hang_seconds, unsigned call_seconds)
{
	struct timeval period;

	*judge = (struct judge){.family = family, .call_seconds = call_seconds};
	pulse_init(&judge->pulse, hang_seconds, clock_monotonic_us());
	period = pulse_period(&judge->pulse);
	judge->beat = event_new(family->base, -1, EV_PERSIST, on_beat, judge);
	return judge->beat != NULL && event_add(judge->beat, &period) == 0 ? 0 : log_origin(-ENOMEM);
}

void judge_deinit(struct judge *judge)
{
	if (judge->beat != NULL)
		event_free(judge->beat);
	judge->beat = NULL;
}
