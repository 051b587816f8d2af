/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/broker/journal/append.h"
#include "daemon/broker/journal/expected.h"
#include "daemon/broker/journal/journal.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__ToJournal ToJournal;
typedef Cek__Internal__V1__FromJournal FromJournal;

enum { READ_MAX = 16 }; /* datagrams in one turn */

int journal_append(struct journal *journal, struct append *append, KeyRecord *const *records, size_t n_records)
{
	int r;

	if (!journal_serving(journal))
		return -ENETDOWN;
	if (journal->n_appends >= APPENDS_MAX)
		return -ENOBUFS;
	append->id = ++journal->next_id;
	r = append_pack(append, records, n_records);
	if (r < 0)
		return r;
	list_append(&journal->appends, &append->link);
	journal->n_appends++;
	return 0;
}

int journal_renew(struct journal *journal, struct append *append, KeyRecord *intent)
{
	int r;

	append->renew = true;
	r = journal_append(journal, append, &intent, 1);
	append->renew = false;
	return r;
}

static void fail(struct journal *journal, const char *why)
{
	journal->events->failed(journal->owner, why);
}

static void fail_at(struct journal *journal, const char *what, int error)
{
	char why[200];

	snprintf(why, sizeof(why), "%s: %s", what, strerror(-error));
	fail(journal, why);
}

static int send_packed(struct journal *journal, const uint8_t *packed, size_t len)
{
	if (send(journal->fd, packed, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
		journal->full = true;
		event_add(&journal->writable, NULL);
		return -EAGAIN;
	}
	return -errno;
}

/* Ask for all records: journal_flush() sends the question, as soon as there is room in the pair. The id tells the
 * answer from what an earlier broker left there. */
static uint64_t ask_replay(struct journal *journal)
{
	journal->question = journal->last_question = ++journal->next_id;
	return journal->question;
}

static int send_question(struct journal *journal)
{
	Cek__Internal__V1__Replay replay = CEK__INTERNAL__V1__REPLAY__INIT;
	ToJournal outer = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	uint8_t packed[32];
	int r;

	replay.id = journal->question;
	outer.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY;
	outer.replay = &replay;
	r = send_packed(journal, packed, cek__internal__v1__to_journal__pack(&outer, packed));
	if (r == 0)
		journal->question = 0;
	return r;
}

static void begin_replay(struct journal *journal)
{
	journal->standing_by = false;
	ring_reset(journal->ring);
	journal->replay_id = ask_replay(journal);
}

static void append_end(struct journal *journal, struct append *append, bool ok)
{
	list_remove(&append->link);
	journal->n_appends--;
	free(append->packed);
	append->packed = NULL;
	append->done(append, ok);
}

/* The first append is durable: its last record has this seq, all of them these times. */
static void append_durable(struct journal *journal, struct append *append, uint64_t last_seq, uint64_t time,
	uint64_t up)
{
	ToJournal *message = cek__internal__v1__to_journal__unpack(NULL, append->len, append->packed);
	char why[200] = "out of memory";
	int r = message ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < append->n; i++) {
		KeyRecord *record = message->append_key->record[i];

		record->seq = last_seq + 1 + i - append->n;
		record->time = time;
		record->up = up;
		r = ring_apply(journal->ring, record, why, sizeof(why));
	}
	if (message)
		cek__internal__v1__to_journal__free_unpacked(message, NULL);
	if (r < 0)
		fail(journal, why);
	append_end(journal, append, r == 0);
	journal->events->changed(journal->owner);
}

static void append_done(struct journal *journal, struct append *append, const Cek__Internal__V1__Appended *appended)
{
	append_keep_receipt(append, appended->receipt);
	append_durable(journal, append, appended->last_seq, appended->time, appended->up);
}

static void on_appended(struct journal *journal, const Cek__Internal__V1__Appended *appended)
{
	struct append *append = journal_under_way(journal);

	journal->owed_us = 0;
	journal->sent = false;
	journal->asked_id = 0;
	snprintf(append->why, sizeof(append->why), "%s", appended->why);
	if (appended->ok)
		append_done(journal, append, appended);
	else
		append_end(journal, append, false);
}

static void on_open(struct append *append, bool ok)
{
	if (!ok)
		log_error("the key journal does not take the record that says that cekd has started");
}

void journal_begin(struct journal *journal, KeyRecord *open)
{
	open->type = (char *)"open";
	journal->open.done = on_open;
	if (journal_append(journal, &journal->open, &open, 1) < 0)
		on_open(&journal->open, false);
}

/* The ring is there. */
static void replay_ended(struct journal *journal, const Cek__Internal__V1__ReplayBatch *last)
{
	struct ring *ring = journal->ring;

	journal->replay_id = 0;
	journal->replayed = true;
	journal->standing_by = false;
	if (!journal->known) {
		journal->ok = journal->known = true;
		snprintf(journal->keys, sizeof(journal->keys), "ok");
		snprintf(journal->audit, sizeof(journal->audit), "ok");
	}
	ring->live = true;
	while (list_take(&ring->dirty))
		continue;
	log_info("the key journal holds %zu key%s with %zu version%s, epoch %llu", ring->n_keys, plural(ring->n_keys),
		ring->n_versions, plural(ring->n_versions), (unsigned long long)ring->epoch);
	journal->events->replayed(journal->owner, last);
	journal->events->changed(journal->owner);
}

static void fold(struct journal *journal, const Cek__Internal__V1__ReplayBatch *batch)
{
	char why[200];

	for (size_t i = 0; i < batch->n_record; i++) {
		/* Half of a request that was just being written when it was read comes once more, with the rest. */
		if (journal->standing_by && batch->record[i]->seq <= journal->ring->last_seq)
			continue;
		if (ring_apply(journal->ring, batch->record[i], why, sizeof(why)) < 0) {
			fail(journal, why);
			return;
		}
	}
	if (batch->so_far)
		journal->standing_by = true;
	if (batch->end)
		replay_ended(journal, batch);
}

/* A journal that may have just started tells its records: so that it knows what the broker knows, and the broker
 * whether the one before wrote the append under way: all of it or nothing, and nothing else. If its answer came after
 * all, asking is over already. */
static void compare(struct journal *journal, const Cek__Internal__V1__ReplayBatch *batch)
{
	struct append *append = journal_under_way(journal);
	uint64_t known = journal->ring->last_seq;

	for (size_t i = 0; i < batch->n_record; i++) {
		if (batch->record[i]->seq <= known)
			continue;
		if (!append || !append_holds(append, journal->asked_records++, batch->record[i])) {
			fail(journal, "the key journal holds records that this broker did not write");
			return;
		}
		journal->asked_time = batch->record[i]->time;
		journal->asked_up = batch->record[i]->up;
	}
	if (!batch->end)
		return;
	journal->asked_id = 0;
	journal->sent = false;
	if (journal->asked_records > 0 && journal->asked_records < append->n)
		fail(journal, "the key journal holds a part of what was to be written at once");
	else if (journal->asked_records > 0)
		append_durable(journal, append, known + append->n, journal->asked_time, journal->asked_up);
}

static void on_replay(struct journal *journal, const Cek__Internal__V1__ReplayBatch *batch)
{
	journal->owed_us = 0;
	if (batch->end)
		journal->last_answered = batch->id;
	if (journal->replay_id > 0 && batch->id == journal->replay_id)
		fold(journal, batch);
	else if (journal->asked_id > 0 && batch->id == journal->asked_id)
		compare(journal, batch);
}

static void on_state(struct journal *journal, const Cek__Internal__V1__JournalState *state)
{
	journal->owed_us = 0;
	if (journal->ok && !state->ok)
		log_error("the journal does not write: %s; %s", state->keys, state->audit);
	journal->ok = state->ok;
	journal->known = true;
	journal->pid = state->pid;
	snprintf(journal->keys, sizeof(journal->keys), "%s", state->keys);
	snprintf(journal->audit, sizeof(journal->audit), "%s", state->audit);
	snprintf(journal->law, sizeof(journal->law), "%s", state->law);
	snprintf(journal->sandbox, sizeof(journal->sandbox), "%s", state->sandbox);
	if (journal->replayed && state->ok && state->keys_seq < journal->ring->last_seq) {
		/* Cut short while no journal ran. What is left is read anew, as at any start (restore.h). */
		fail(journal, "keys.jsonl has become shorter while cekd runs");
		return;
	}
	audit_again(journal->audit_trail);
	if (!journal->replayed && state->ok) {
		begin_replay(journal);
	} else if (state->ok || (journal_under_way(journal) && journal->asked_id == 0)) {
		journal->asked_records = 0;
		journal->asked_id = ask_replay(journal);
	}
	if (!state->ok) /* so that Status can say why */
		journal->events->mute(journal->owner);
}

static void on_message(struct journal *journal, const FromJournal *message)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY:
		on_replay(journal, message->replay);
		break;
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED:
		on_appended(journal, message->appended);
		break;
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE:
		audit_done(journal->audit_trail, message->audit_done->instance, message->audit_done->written,
			message->audit_done->durable);
		break;
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE:
		on_state(journal, message->state);
		break;
	case CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_ROOM:
		journal->free_known = true;
		journal->free = message->room->free;
		break;
	default: /* JournalBusy: it has been heard of */
		break;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct journal *journal = data;
	struct turn *turn = journal->turn;

	turn_look_at_clock(turn);
	for (int i = 0; i < READ_MAX; i++) { /* then the others have their turn */
		ssize_t n = dgram_recv(fd, MSG_DONTWAIT, turn->datagram, DGRAM_MAX, NULL, 0, NULL);
		FromJournal *message;

		if (n == -EAGAIN || turn->stop)
			return;
		if (n == 0) {
			fail(journal, "the pair with the journal is closed");
			return;
		}
		if (n < 0 && n != -EMSGSIZE) {
			fail_at(journal, "cannot read from the pair with the journal", log_origin((int)n));
			return;
		}
		/* Plain memory: records are no secrets, and a batch of them may be larger than the arena. */
		message = n < 0 ? NULL : cek__internal__v1__from_journal__unpack(NULL, (size_t)n, turn->datagram);
		journal->heard_us = turn->pulse.now_us;
		if (expected(journal, message))
			on_message(journal, message);
		cek__internal__v1__from_journal__free_unpacked(message, NULL);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
	struct journal *journal = data;

	journal->full = false; /* the turn's end sends what waits */
}

/* Each answer begins the time for the next one. One that stands by answers when it takes over. */
static void note_owed(struct journal *journal)
{
	const bool owed = !list_empty(&journal->appends) || journal->question > 0 || journal->asked_id > 0 ||
		(journal->replay_id > 0 && !journal->standing_by);

	if (!owed)
		journal->owed_us = 0;
	else if (journal->owed_us == 0)
		journal->owed_us = journal->turn->pulse.now_us;
}

void journal_flush(struct journal *journal)
{
	int r = journal->full ? -EAGAIN : 0;

	if (r == 0 && journal->question > 0)
		r = send_question(journal);
	if (r == 0)
		r = audit_flush(journal->audit_trail, journal->fd);
	if (r == 0 && !journal->sent && journal->asked_id == 0 && !list_empty(&journal->appends)) {
		struct append *append = list_entry(journal->appends.next, struct append, link);

		r = send_packed(journal, append->packed, append->len);
		journal->sent = r == 0;
	}
	if (r == -EAGAIN && !journal->full) {
		journal->full = true;
		event_add(&journal->writable, NULL);
	}
	note_owed(journal);
	if (r < 0 && r != -EAGAIN)
		fail_at(journal, "cannot write to the pair with the journal", log_origin(r));
}

int journal_init(struct journal *journal, struct turn *turn, struct ring *ring, struct audit *audit, int fd,
	const struct journal_events *events, void *owner)
{
	*journal = (struct journal){.turn = turn,
		.ring = ring,
		.audit_trail = audit,
		.fd = fd,
		.events = events,
		.owner = owner};
	list_init(&journal->appends);
	sequence_init(&journal->sequence, &sequence_journal_to_broker, JOURNAL_ASKED);
	if (getrandom(&journal->next_id, sizeof(journal->next_id), 0) != sizeof(journal->next_id))
		return log_origin(-EIO);
	journal->next_id &= UINT64_MAX >> 1;
	journal->heard_us = turn->pulse.now_us;
	event_assign(&journal->readable, turn->base, fd, EV_READ | EV_PERSIST, on_readable, journal);
	event_assign(&journal->writable, turn->base, fd, EV_WRITE, on_writable, journal);
	if (event_add(&journal->readable, NULL) < 0)
		return log_origin(-ENOMEM);
	/* A journal that runs already has told its state to the broker before us: begin without waiting for it. */
	begin_replay(journal);
	journal_flush(journal);
	return turn->stop ? -EIO : 0;
}

void journal_deinit(struct journal *journal)
{
	struct link *link;

	if (!journal->turn)
		return;
	event_del(&journal->readable);
	event_del(&journal->writable);
	while ((link = list_take(&journal->appends))) {
		struct append *append = list_entry(link, struct append, link);

		free(append->packed);
		append->packed = NULL;
		append->done(append, false);
	}
	close(journal->fd);
}
