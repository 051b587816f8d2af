/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/tell.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>

typedef Cek__Internal__V1__Control Control;

void tell_worker_up(struct child *broker, const struct child *worker, const int fds[TELL_WORKER_FDS])
{
	Cek__Internal__V1__WorkerUp up = CEK__INTERNAL__V1__WORKER_UP__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	up.manage = worker->manage;
	up.index = worker->index;
	up.generation = worker->generation;
	up.pid = (int32_t)worker->pid;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_UP;
	message.worker_up = &up;
	if (child_send(broker, &message, fds, TELL_WORKER_FDS) < 0)
		child_kill(broker, SIGKILL);
}

void tell_worker_gone(struct child *broker, const struct child *worker, bool absent, bool hopeless)
{
	Cek__Internal__V1__WorkerGone gone = CEK__INTERNAL__V1__WORKER_GONE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	if (broker->control < 0)
		return;
	gone.manage = worker->manage;
	gone.index = worker->index;
	gone.generation = worker->generation;
	gone.why = (char *)(uintptr_t)worker->why;
	gone.absent = absent;
	gone.hopeless = hopeless;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE;
	message.worker_gone = &gone;
	if (child_send(broker, &message, NULL, 0) == -EAGAIN)
		child_kill(broker, SIGKILL);
}

void tell_broken(struct child *broker, const uint64_t count[SEQUENCE_PAIRS])
{
	Cek__Internal__V1__Broken broken = CEK__INTERNAL__V1__BROKEN__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	broken.count = (uint64_t *)(uintptr_t)count;
	broken.n_count = SEQUENCE_PAIRS;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_BROKEN;
	message.broken = &broken;
	(void)child_send(broker, &message, NULL, 0);
}

void tell_confirmed(struct child *journal)
{
	Cek__Internal__V1__Reload reload = CEK__INTERNAL__V1__RELOAD__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD;
	message.reload = &reload;
	(void)child_send(journal, &message, NULL, 0);
}

int tell_reload(struct child *broker, struct config *config)
{
	Cek__Internal__V1__Reload reload = CEK__INTERNAL__V1__RELOAD__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	if (broker->control < 0)
		return 0;
	reload.rule = config->rules;
	reload.n_rule = config->n_rules;
	reload.limits = &config->limits;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD;
	message.reload = &reload;
	return child_send(broker, &message, NULL, 0);
}
