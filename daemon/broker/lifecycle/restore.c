#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/lifecycle/fsck.h"
#include "daemon/broker/lifecycle/restore.h"

enum { ASK_AGAIN_US = 1000000 };

static void ask(struct broker *broker);

bool restore_needed(const struct broker *broker)
{
	return broker->ring.suspect || broker->restore.asking;
}

const char *restore_refusal(const struct broker *broker)
{
	if (broker->restore.asking)
		return "the key journal is empty, and the token has not said yet whether it holds keys";
	if (broker->restore.empty)
		return "the key journal is empty, but the token is not: an operator must confirm it first";
	return "restored journal: an operator must confirm it first";
}

const char *restore_why(const struct broker *broker)
{
	if (broker->restore.asking || broker->restore.empty)
		return broker->restore.why;
	return "restored journal: an operator must confirm it (cekctl restore show)";
}

/* Not the journal of the keys' life, as far as can be seen: no CEK from now on. */
static void suspect(struct broker *broker)
{
	struct ring *ring = &broker->ring;

	if (ring->suspect)
		return;
	ring->suspect = true;
	ring->found_time = ring->last_time;
	memcpy(ring->found, broker->restore.head, sizeof(ring->found));
}

static void log_suspect(const struct broker *broker)
{
	log_error("%s%s: no CEK is served until an operator confirms it (cekctl restore show)",
		broker->restore.empty ? "" : "restored journal: ", broker->restore.why);
}

static void keep_later(struct restore *restore, const Cek__Internal__V1__ReplayBatch *last)
{
	restore->more_later = last->more_later;
	for (size_t i = 0; i < last->n_later; i++) {
		char *text = restore->n_later < RESTORE_LATER_MAX ? strdup(last->later[i]) : NULL;

		if (text)
			restore->later[restore->n_later++] = text;
		else
			restore->more_later = true;
	}
}

static void forget_later(struct restore *restore)
{
	while (restore->n_later > 0)
		free(restore->later[--restore->n_later]);
}

bool restore_look(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last)
{
	struct restore *restore = &broker->restore;
	struct ring *ring = &broker->ring;
	bool other = ring->file[0] != '\0' && last->file[0] != '\0' && strcmp(ring->file, last->file) != 0;

	forget_later(restore);
	keep_later(restore, last);
	snprintf(restore->file, sizeof(restore->file), "%s", last->file);
	snprintf(restore->why, sizeof(restore->why), "%s",
		last->outlived ? "audit.jsonl knows of a longer life of the keys than keys.jsonl"
			       : "keys.jsonl is not the file that cekd wrote last, but a copy of it");
	snprintf(restore->head, sizeof(restore->head), "%llu:%s", (unsigned long long)ring->last_seq, last->hash);
	if (other || last->outlived)
		suspect(broker);
	restore->empty = false;
	restore->asking = ring->n_keys == 0 && !ring->confirmed && !other && !last->outlived;
	if (ring->suspect && !restore->asking)
		log_suspect(broker);
	return restore->asking;
}

/* ---- a journal without keys ---------------------------------------------------------------------------------- */

static void on_again(struct timer *timer)
{
	struct restore *restore = list_entry(timer, struct restore, again);

	ask(list_entry(restore, struct broker, restore));
}

static bool ending(const struct broker *broker)
{
	return broker->turn.draining || broker->turn.stop;
}

static void ask_later(struct broker *broker)
{
	if (!ending(broker))
		timer_set(&broker->turn.timers, &broker->restore.again, broker->turn.now + ASK_AGAIN_US, on_again);
}

static void not_told(struct broker *broker, const char *why)
{
	struct restore *restore = &broker->restore;
	char now[sizeof(restore->why)];

	snprintf(now, sizeof(now), "keys.jsonl has no keys, and the token cannot be asked whether it holds any: %s", why);
	if (strcmp(now, restore->why) != 0)
		log_warning("%s; cekd tries again every second", now); /* once */
	memcpy(restore->why, now, sizeof(now));
}

static void told(struct broker *broker)
{
	struct restore *restore = &broker->restore;
	size_t n = fsck_unknown_keys(&broker->ring, restore->inventory);

	restore->asking = false;
	restore->empty = n > 0 || broker->ring.suspect;
	if (n > 0) {
		suspect(broker);
		snprintf(restore->why, sizeof(restore->why),
			"keys.jsonl has no keys, but the token holds %zu that cekd made (is the state directory mounted?)", n);
	} else if (broker->ring.suspect) {
		snprintf(restore->why, sizeof(restore->why), "keys.jsonl has no keys, but when it was begun the token held some");
	}
	if (broker->ring.suspect)
		log_suspect(broker);
	journal_begin(broker);
}

/* What is wrong with this part of the answer; NULL: nothing, and it was kept. */
static const char *take_part(struct restore *restore, const JobResult *result)
{
	if (!result)
		return "the manage worker died or could not be started";
	if (result->outcome != CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		return result->text[0] ? result->text : "it does not answer";
	return fsck_add(&restore->inventory, result) < 0 ? "its list of objects is too long or has no end" : NULL;
}

static void on_told(struct job *job, const JobResult *result)
{
	struct restore *restore = list_entry(job, struct restore, job);
	struct broker *broker = list_entry(restore, struct broker, restore);
	const char *fault = restore->spoilt || ending(broker) ? NULL : take_part(restore, result);

	if (fault) {
		restore->spoilt = true;
		not_told(broker, fault);
	}
	if (result && result->more)
		return;
	if (!restore->spoilt && !ending(broker))
		told(broker);
	restore->inventory = inventory_free(restore->inventory);
	restore->spoilt = false;
	if (restore->asking)
		ask_later(broker);
}

static void ask(struct broker *broker)
{
	Cek__Internal__V1__InventoryJob inventory = CEK__INTERNAL__V1__INVENTORY_JOB__INIT;
	Job message = CEK__INTERNAL__V1__JOB__INIT;
	struct restore *restore = &broker->restore;

	if (ending(broker))
		return;
	message.id = workers_job_id(broker);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	message.inventory = &inventory;
	restore->job = (struct job){.id = message.id, .packed = restore->packed, .in_parts = true,
		.done = on_told};
	restore->job.len = cek__internal__v1__job__pack(&message, restore->packed);
	if (workers_manage(broker, &restore->job) == 0)
		return;
	not_told(broker, "no worker can log in");
	ask_later(broker);
}

void restore_ask(struct broker *broker)
{
	snprintf(broker->restore.why, sizeof(broker->restore.why),
		"keys.jsonl has no keys, and the token has not said yet whether it holds any");
	ask(broker);
}

void restore_drain(struct broker *broker)
{
	timer_clear(&broker->turn.timers, &broker->restore.again);
	(void)workers_cancel(&broker->restore.job);
}

/* ---- what is said of it -------------------------------------------------------------------------------------- */

void restore_fill_open(struct broker *broker, KeyRecord *open)
{
	open->file = broker->restore.file;
	open->suspect = broker->ring.suspect;
	if (open->suspect)
		open->found = broker->ring.found;
}

void restore_deinit(struct broker *broker)
{
	forget_later(&broker->restore);
	broker->restore.inventory = inventory_free(broker->restore.inventory);
}

int restore_reply(struct request *request)
{
	struct broker *broker = request->broker;
	Cek__V1__RestoreReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));

	if (!reply)
		return -ENOMEM;
	cek__v1__restore_reply__init(reply);
	reply->needed = restore_needed(broker);
	if (reply->needed) {
		reply->why = broker->restore.why;
		reply->last_time = broker->ring.found_time;
		reply->head = broker->ring.found;
		reply->later = broker->restore.later;
		reply->n_later = broker->restore.n_later;
		reply->more_later = broker->restore.more_later;
	}
	request->reply.result_case = CEK__V1__REPLY__RESULT_RESTORE;
	request->reply.restore = reply;
	return STATUS_OK;
}
