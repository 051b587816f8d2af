/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/lifecycle/asking.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/journal/restore.h"
#include "daemon/broker/lifecycle/fsck.h"
#include "daemon/broker/workers/job.h"
#include "daemon/broker/workers/jobs.h"

/* Each pause is twice the one before: a token that is away for a day is asked some hundred times an hour less. */
enum {
	ASK_AGAIN_US = 1000000,
	ASK_AGAIN_MAX_US = 60000000,
};

static void ask(struct broker *broker);

/* The record that cekd has started. */
static void begin(struct broker *broker)
{
	KeyRecord open = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	open.version = broker->version;
	restore_fill_open(&broker->restore, &broker->ring, &open);
	journal_begin(&broker->journal, &open);
}

static void on_again(struct timer *timer)
{
	ask(list_entry(timer, struct asking, again)->broker);
}

static bool ending(const struct broker *broker)
{
	return broker->turn.draining || broker->turn.stop;
}

static void ask_later(struct broker *broker)
{
	struct asking *asking = &broker->asking;

	if (ending(broker))
		return;
	asking->pause_us = asking->pause_us == 0 ? ASK_AGAIN_US : asking->pause_us * 2;
	if (asking->pause_us > ASK_AGAIN_MAX_US)
		asking->pause_us = ASK_AGAIN_MAX_US;
	timer_set(&broker->turn.timers, &asking->again, broker->turn.now + asking->pause_us, on_again);
}

/* What is wrong with this part of the answer; NULL: nothing, and it was kept. */
static const char *take_part(struct asking *asking, const JobResult *result)
{
	if (!result)
		return "the manage worker died or could not be started";
	if (result->outcome != CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		return result->text[0] ? result->text : "it does not answer";
	return fsck_add(&asking->inventory, result) < 0 ? "its list of objects is too long or has no end" : NULL;
}

static void told(struct broker *broker)
{
	const struct inventory *inventory = broker->asking.inventory;

	restore_told(&broker->restore, &broker->ring, fsck_unknown_keys(&broker->ring, inventory),
		fsck_foreign_keys(&broker->ring, inventory));
	begin(broker);
}

static void on_told(struct job *job, const JobResult *result)
{
	struct asking *asking = list_entry(job, struct asking, job);
	struct broker *broker = asking->broker;
	const char *fault = asking->spoilt || ending(broker) ? NULL : take_part(asking, result);

	if (fault) {
		asking->spoilt = true;
		restore_not_told(&broker->restore, fault);
	}
	if (result && result->more)
		return;
	if (!asking->spoilt && !ending(broker))
		told(broker);
	asking->inventory = inventory_free(asking->inventory);
	asking->spoilt = false;
	if (broker->restore.asking)
		ask_later(broker);
}

static void ask(struct broker *broker)
{
	Cek__Internal__V1__InventoryJob inventory = CEK__INTERNAL__V1__INVENTORY_JOB__INIT;
	Job message = CEK__INTERNAL__V1__JOB__INIT;
	struct asking *asking = &broker->asking;

	if (ending(broker))
		return;
	message.id = workers_job_id(&broker->workers);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	message.inventory = &inventory;
	asking->job = (struct job){.id = message.id,
		.packed = asking->packed,
		.sequence.op = CEK__INTERNAL__V1__JOB__OP_INVENTORY,
		.done = on_told};
	asking->job.len = cek__internal__v1__job__pack(&message, asking->packed);
	if (workers_manage(&broker->workers, &asking->job) == 0)
		return;
	restore_not_told(&broker->restore, "no worker can log in");
	ask_later(broker);
}

void asking_begin(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last)
{
	if (restore_look(&broker->restore, &broker->ring, last))
		ask(broker);
	else
		begin(broker);
}

void asking_try_again(struct broker *broker)
{
	struct asking *asking = &broker->asking;

	asking->pause_us = 0;
	if (asking->again.fire)
		timer_set(&broker->turn.timers, &asking->again, broker->turn.now, on_again);
}

void asking_drain(struct broker *broker)
{
	timer_clear(&broker->turn.timers, &broker->asking.again);
	(void)job_cancel(&broker->asking.job);
}

void asking_deinit(struct broker *broker)
{
	broker->asking.inventory = inventory_free(broker->asking.inventory);
}
