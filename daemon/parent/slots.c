/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/slots.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/parent/family.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/tell.h"

enum {
	PIN_LOOK_US = 1000000, /* how often the PIN file is looked at after a wrong PIN */
};

/* Nobody can be asked to manage while the PIN is wrong; the broker shall not wait for it. This may reach it before the
 * end of the worker that tried the PIN, and Status shows the last reason: it is the same one. */
static void refuse_manage(struct family *family, const struct child *refused)
{
	if (!family->manage_wanted || family->manage.pid != 0)
		return;
	family->manage_wanted = false;
	if (refused != &family->manage)
		(void)snprintf(family->manage.why, sizeof(family->manage.why), "%s",
			refused != NULL ? refused->why : "no login after a wrong PIN");
	tell_worker_gone(&family->broker, &family->manage, true, true);
}

static void note_login(struct family *family, struct child *child, void *data)
{
	bool *busy = data;

	(void)family;
	if (child->role == CHILD_WORKER && (!child->ready || child->in_login || child->pin == CHILD_HAS_PIN))
		*busy = true;
}

/* The worker that logs in next: the first use worker that is missing, then the manage worker. */
static struct child *next_worker(struct family *family, uint64_t now, bool only_manage)
{
	for (unsigned i = 0; i < family->n_slots && !only_manage; i++) {
		struct child *child = &family->slots[i].child[family->slots[i].now];

		if (child_due(child, now))
			return child;
		if (child->pid == 0)
			family_wake(family, child->not_before_us, now);
	}
	if (family->manage_wanted && family->manage.pid == 0) {
		if (child_due(&family->manage, now))
			return &family->manage;
		family_wake(family, family->manage.not_before_us, now);
	}
	return NULL;
}

static void start_next(struct start *start, uint64_t now, bool only_manage)
{
	struct family *family = start->family;
	struct child *child;
	bool busy = false;

	family_each(family, note_login, &busy);
	if (busy)
		return;
	child = next_worker(family, now, only_manage);
	if (child == NULL)
		return;
	if (child == &family->manage)
		family->manage_wanted = false;
	start_worker(start, child);
	if (child->pid == 0) /* could not even be started: perhaps another one can */
		family_wake(family, child->not_before_us, now);
}

void slots_fill(struct start *start, uint64_t now_us, bool only_manage)
{
	const char *pin_file = start->config->pin_file;

	if (logins_pin_changed(start->logins, pin_file)) {
		log_info("%s has changed: logging in again", pin_file);
		logins_resume(start->logins);
	}
	if (start->logins->stopped) {
		refuse_manage(start->family, start->news->refused);
		family_wake(start->family, now_us + PIN_LOOK_US, now_us);
		return;
	}
	start_next(start, now_us, only_manage);
}
