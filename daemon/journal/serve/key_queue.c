/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/key_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/journal/serve/replay.h"
#include "daemon/shared/receipt.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__AppendKey AppendKey;
typedef Cek__Internal__V1__KeyRecord KeyRecord;
typedef Cek__Internal__V1__ToJournal ToJournal;

enum {
	BROKERS_MAX = 3, /* that are ended in the time below: a fault of cekd itself must not end all service */
	BUSY_RECORDS = 1024,
	WAIT_MS = 1000, /* a store that has nothing to wait for is asked again all the same */
	BUSY_US = 1000000,
};

#define CONFIRMED_US (UINT64_C(60) * 1000000)
#define BROKERS_US (UINT64_C(3600) * 1000000)

/* A datagram whose turn has not come. */
struct waiting {
	struct link link;
	size_t len;
	uint8_t data[];
};

/* There is no message that would tell the broker of them. It expects a line that is not the last one any more: what it
 * wants to append is refused until it has read the journal anew. */
static void on_others(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct key_queue *queue = userdata;

	if (!queue->read || head->seq <= queue->head.seq)
		return; /* the broker has read it, or will */
	if (!queue->behind)
		log_warning("others have written to the key journal (seq %" PRIu64 "): changes of keys are refused "
			    "until the broker has read it anew",
			head->seq);
	queue->behind = true;
}

/* cekd and the broker judge by what they hear. */
static void on_busy(void *userdata)
{
	struct key_queue *queue = userdata;
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__JournalBusy busy = CEK__INTERNAL__V1__JOURNAL_BUSY__INIT;
	const uint64_t now = clock_monotonic_us();

	control_read(queue->pair->control);
	if (now < queue->busy_due)
		return;
	queue->busy_due = now + BUSY_US;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_BUSY;
	message.busy = &busy;
	(void)pair_send(queue->pair, &message);
}

void key_queue_init(struct key_queue *queue)
{
	list_init(&queue->waiting);
	queue->store->busy = on_busy;
	queue->store->busy_userdata = queue;
	store_subscribe(queue->store, on_others, queue);
}

void key_queue_deinit(struct key_queue *queue)
{
	struct link *link;

	if (!queue->store)
		return;
	store_subscribe(queue->store, NULL, NULL);
	queue->store->busy = NULL;
	while ((link = list_take(&queue->waiting)))
		free(list_entry(link, struct waiting, link));
	queue->n = 0;
}

/* ---- appends ----------------------------------------------------------------------------------------------------- */

/* last: of what was appended, NULL = not. */
static int answer(struct key_queue *queue, uint64_t id, const struct chain_head *last, const char *why)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__Appended appended = CEK__INTERNAL__V1__APPENDED__INIT;
	Cek__Internal__V1__Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT;
	uint8_t mac[RECEIPT_MAC_LEN];

	appended.id = id;
	appended.ok = last != NULL;
	appended.why = (char *)why;
	if (last) {
		appended.last_seq = last->seq;
		appended.hash = (char *)last->hash;
	}
	if (last && queue->law) {
		law_times(queue->law, &appended.time, &appended.up);
		appended.receipt = law_receipt(queue->law, last, &receipt, mac) ? &receipt : NULL;
	}
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED;
	message.appended = &appended;
	return pair_send(queue->pair, &message);
}

/* Whether it took them is told to the broker by what the next journal reads (the broker compares). */
static int appended_or_not(const struct store_result *result)
{
	log_error("whether the key journal took a record is not known: %s", result->why);
	return log_origin(-EREMOTEIO);
}

static void on_appended(void *userdata, const struct store_result *result)
{
	struct key_queue *queue = userdata;
	bool done = result->outcome == STORE_DONE;

	queue->busy = false;
	if (queue->law && done)
		law_appended(queue->law, &result->head);
	else if (queue->law)
		law_spoil(queue->law);
	if (result->outcome == STORE_UNKNOWN) {
		queue->error = appended_or_not(result);
		return;
	}
	if (done)
		queue->head = result->head;
	if (done && queue->confirms)
		evidence_clear(queue->evidence);
	queue->error = answer(queue, queue->id, done ? &result->head : NULL, result->why);
}

/* Whether the journal holds the line that was noted; if not, why says so. */
static bool holds(struct key_queue *queue, const char *text, char why[STORE_WHY_MAX])
{
	static const char begin[] = "head: ";
	struct chain_head line;
	int r;

	memcpy(why, begin, sizeof(begin));
	if (chain_head_parse(text, &line) < 0 || line.seq == 0) {
		strcat(why, "not SEQ:HASH");
		return false;
	}
	r = store_holds(queue->store, &line, why + strlen(why));
	if (r != -ENOENT)
		why[0] = 0; /* the journal cannot be read at all, which its state tells */
	return r == 0;
}

static bool has_restored(const AppendKey *append)
{
	for (size_t i = 0; i < append->n_record; i++) {
		if (strcmp(append->record[i]->type, "restored") == 0)
			return true;
	}
	return false;
}

/* ---- the law ----------------------------------------------------------------------------------------------------- */

static int read_law(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	const struct key_queue *queue = userdata;

	if (head->seq % BUSY_RECORDS == 0) /* a long journal takes its time */
		control_read(queue->pair->control);
	return law_read(queue->law, record, head);
}

/* What was taken for granted did not become durable. */
static int know_law(struct key_queue *queue)
{
	if (!law_spoilt(queue->law))
		return 0;
	law_forget(queue->law);
	return store_read_from(queue->store, 1, read_law, queue);
}

/* A fault of cekd itself would come again and again: then what is refused is enough. */
static bool may_end_another(struct key_queue *queue)
{
	const uint64_t now = clock_monotonic_us();

	if (queue->ended == 0 || now - queue->ended_us > BROKERS_US) {
		queue->ended = 0;
		queue->ended_us = now;
	}
	return queue->ended < BROKERS_MAX;
}

/* It was taken over, or has a fault: what it sent after that is not looked at, until another one asks for the records.
 */
static int condemn_broker(struct key_queue *queue, uint64_t id, const char *why)
{
	char how[LAW_WHY_MAX + 64];

	log_error("%s: refused", why);
	if (!may_end_another(queue)) {
		if (queue->ended == BROKERS_MAX) {
			log_error("%u brokers within an hour have broken the law of the life cycle: this is a fault of "
				  "cekd; it is not ended again, and what breaks the law stays refused",
				queue->ended);
			queue->ended++;
		}
		return answer(queue, id, NULL, why);
	}
	queue->ended++;
	(void)snprintf(how, sizeof(how), "wanted to append what the journal refuses: %s", why);
	queue->read = false;
	queue->pair->sequence->state = BROKER_ACCUSED;
	control_accuse_broker(queue->pair->control, how);
	return 0;
}

/* The word of an operator, which cekd gives to the broker as well, counts for a moment. */
static void look_for_confirmation(struct key_queue *queue)
{
	struct control *control = queue->pair->control;

	control_read(control);
	law_confirm_clock(queue->law,
		control->confirmed_us > 0 && clock_monotonic_us() - control->confirmed_us < CONFIRMED_US);
}

/* 1: go on; 0: it has been answered; -errno. */
static int judge(struct key_queue *queue, const AppendKey *append)
{
	char why[LAW_WHY_MAX];
	int r = know_law(queue);

	if (r < 0) /* the state says why */
		return r == -EROFS || r == -EBADMSG ? answer(queue, append->id, NULL, "") : r;
	look_for_confirmation(queue);
	if (append->renew)
		r = law_renew(queue->law, append->record, append->n_record, why);
	else
		r = law_judge(queue->law, append->record, append->n_record, why);
	if (r == LAW_KEPT)
		return 1;
	if (r == LAW_EARLY)
		return answer(queue, append->id, NULL, why);
	return r < 0 ? log_origin(r) : condemn_broker(queue, append->id, why);
}

static int append_key(struct key_queue *queue, const AppendKey *append)
{
	char why[16 + STORE_WHY_MAX];
	int r;

	/* Sent to an earlier journal, and it waited in the pair. The broker asks for the records of each that starts,
	 * sees that these are not among them, and sends them again. */
	if (!queue->read)
		return 0;
	if (append->head[0] && !holds(queue, append->head, why))
		return answer(queue, append->id, NULL, why);
	r = queue->law ? judge(queue, append) : 1;
	if (r <= 0)
		return r;
	if (append->renew)
		return answer(queue, append->id, &queue->head, "");
	queue->id = append->id;
	queue->confirms = has_restored(append);
	r = store_append(queue->store, append->record, append->n_record, &queue->head, on_appended, queue);
	queue->busy = r == 0;
	return r < 0 ? log_origin(r) : 0;
}

/* ---- the queue --------------------------------------------------------------------------------------------------- */

static int replay(struct key_queue *queue, uint64_t id)
{
	/* A broker that has just started takes it that all is well, unless it is told. */
	int r = report_ok(queue->report) ? 0 : report_send(queue->report);

	if (r == 0)
		r = replay_send(queue->pair, queue->store, queue->evidence, queue->law, queue->arena, id, &queue->head);
	if (r == 0) {
		queue->read = true;
		queue->behind = false;
	}
	/* A journal that cannot be trusted is not replayed, not even in part: the state says why. */
	return r == -EROFS || r == -EBADMSG ? report_send_if_new(queue->report) : r;
}

static int run(struct key_queue *queue, const ToJournal *message)
{
	int r;

	if (message->what_case == CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY)
		r = replay(queue, message->replay->id);
	else
		r = append_key(queue, message->append_key);
	if (r == 0)
		store_turn(queue->store);
	return r < 0 ? r : queue->error;
}

static int run_waiting(struct key_queue *queue)
{
	struct waiting *waiting = list_entry(list_take(&queue->waiting), struct waiting, link);
	ToJournal *message;
	int r;

	queue->n--;
	arena_reset(queue->arena);
	message = cek__internal__v1__to_journal__unpack(arena_allocator(queue->arena), waiting->len, waiting->data);
	r = message ? run(queue, message) : log_origin(-ENOMEM);
	free(waiting);
	return r;
}

int key_queue_take(struct key_queue *queue, const ToJournal *message, const uint8_t *data, size_t len)
{
	struct waiting *waiting;

	if (!queue->busy)
		return run(queue, message);
	waiting = malloc(sizeof(*waiting) + len);
	if (!waiting)
		return log_origin(-ENOMEM);
	waiting->len = len;
	memcpy(waiting->data, data, len);
	list_append(&queue->waiting, &waiting->link);
	queue->n++;
	return 0;
}

int key_queue_turn(struct key_queue *queue)
{
	int r;

	store_turn(queue->store);
	r = queue->error;
	while (r == 0 && !queue->busy && queue->n > 0)
		r = run_waiting(queue);
	return r;
}

bool key_queue_full(const struct key_queue *queue)
{
	return queue->n >= KEY_QUEUE_MAX;
}

/* Until nothing is under way and nothing waits for its turn. */
static int wait_for_all(struct key_queue *queue)
{
	int r = queue->error;

	while (r == 0 && queue->busy) {
		struct store_wait wait = store_wait(queue->store);
		struct pollfd fd = {.fd = wait.fd, .events = wait.events};
		uint64_t now = clock_monotonic_us();
		int ms = WAIT_MS;

		if (wait.due > 0 && wait.due < now + WAIT_MS * 1000)
			ms = wait.due <= now ? 0 : (int)((wait.due - now + 999) / 1000);
		if (poll(&fd, 1, ms) < 0 && errno != EINTR)
			return log_origin(-errno);
		r = key_queue_turn(queue);
	}
	return r;
}

/* What is wrong, the state says. */
static void on_synced(void *userdata, const struct store_result *result)
{
	struct key_queue *queue = userdata;

	queue->busy = false;
}

int key_queue_finish(struct key_queue *queue)
{
	int r = wait_for_all(queue);

	if (r == 0)
		r = store_sync(queue->store, on_synced, queue);
	queue->busy = r == 0;
	return r < 0 ? r : wait_for_all(queue);
}
