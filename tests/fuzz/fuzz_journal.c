/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal that has been taken over, against the broker's link to it: it is asked, gets records and acknowledges,
 * refuses, repeats and starts anew as the script says. No reply leaves for a record that was not sent, each append ends
 * once, and of one that broke the rules nothing is believed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/journal/watch.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"
#include "tests/fuzz/script.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;

enum { INPUT_MAX = 1024, APPENDS = 16 };

static struct turn turn;
static struct ring ring;
static struct audit audit;
static struct journal journal;
static struct script script;
static struct append appends[APPENDS];
static bool owed[APPENDS];
static size_t n_appends;
static unsigned ended;
static int far;

static void on_replayed(void *owner, const Cek__Internal__V1__ReplayBatch *last)
{
	(void)owner;
	if (!last->end || !journal.replayed)
		abort();
}

static void on_nothing(void *owner)
{
	(void)owner;
}

static bool on_end(void *owner, int32_t pid, const char *how, bool broke)
{
	(void)owner;
	(void)pid;
	if (strlen(how) == 0 || (broke && ended > 0 && journal.broke[0] == 0))
		abort();
	ended += broke;
	return script_next(&script) & 1;
}

static void on_failed(void *owner, const char *why)
{
	(void)owner;
	if (strlen(why) == 0)
		abort();
	turn.stop = true;
}

static const struct journal_events events = {
	.replayed = on_replayed,
	.mute = on_nothing,
	.changed = on_nothing,
	.end = on_end,
	.failed = on_failed,
};

static void on_done(struct append *append, bool ok)
{
	const size_t i = (size_t)(append - appends);

	if (!owed[i] || (ok && journal.sequence.state == JOURNAL_CONDEMNED))
		abort();
	owed[i] = false;
}

static void begin_append(void)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT, *records[] = {&record, &record};
	const uint8_t what = script_next(&script);

	if (n_appends == APPENDS)
		return;
	record.type = (char *)(uintptr_t)(what & 1 ? "rules" : "clock");
	appends[n_appends].done = on_done;
	if (journal_append(&journal, &appends[n_appends], records, 1 + (what >> 1 & 1)) == 0)
		owed[n_appends++] = true;
}

static void add_audit(void)
{
	AuditRecord record = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;

	(void)audit_add(&audit, &record);
}

/* What the broker says: its numbers are known then. */
static void read_broker(void)
{
	static uint8_t data[DGRAM_MAX];
	const ssize_t n = recv(far, data, sizeof(data), MSG_DONTWAIT);
	ToJournal *message = n > 0 ? cek__internal__v1__to_journal__unpack(NULL, (size_t)n, data) : NULL;

	if (n > 0 && !message)
		abort();
	if (message && message->what_case == CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY)
		script_know(&script, message->replay->id);
	else if (message && message->what_case == CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY)
		script_know(&script, message->append_key->id);
	cek__internal__v1__to_journal__free_unpacked(message, NULL);
}

/* As an honest one would, so that what comes later is reached. */
static void say_well(uint8_t what)
{
	Cek__Internal__V1__ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	Cek__Internal__V1__Appended appended = CEK__INTERNAL__V1__APPENDED__INIT;
	Cek__Internal__V1__JournalState state = CEK__INTERNAL__V1__JOURNAL_STATE__INIT;
	Cek__Internal__V1__AuditDone done = CEK__INTERNAL__V1__AUDIT_DONE__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	if ((what & 3) == 0) {
		batch.id = journal.last_question;
		batch.end = true;
		message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
		message.replay = &batch;
	} else if ((what & 3) == 1) {
		appended.id = journal_under_way(&journal) ? journal_under_way(&journal)->id : 0;
		appended.ok = what & 4;
		appended.last_seq = ring.last_seq + (journal_under_way(&journal) ? journal_under_way(&journal)->n : 0);
		message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED;
		message.appended = &appended;
	} else if ((what & 3) == 2) {
		state.ok = what & 4;
		state.pid = what >> 4;
		state.keys_seq = ring.last_seq;
		message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE;
		message.state = &state;
	} else {
		done.instance = audit.instance;
		done.written = audit.sent;
		done.durable = audit.written;
		message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE;
		message.audit_done = &done;
	}
	(void)dgram_send(far, &message.base, NULL, 0);
}

static void act(uint8_t what)
{
	switch (what & 7) {
	case 0:
		begin_append();
		break;
	case 1:
		add_audit();
		break;
	case 2:
		read_broker();
		break;
	case 3:
		watch_judge(&journal);
		break;
	case 4:
	case 5:
		say_well(script_next(&script));
		break;
	default: { /* FromJournal has 1 to 4, 20 and 21 */
		static const uint8_t kinds[] = {0, 1, 2, 3, 4, 20, 21, 22};

		(void)script_send(&script, far, &cek__internal__v1__from_journal__descriptor,
			kinds[script_next(&script) % sizeof(kinds)], 0);
		break;
	}
	}
	turn_handle(&turn, false);
	if (!turn.stop)
		journal_flush(&journal);
	if (audit_progress(&audit) > audit.sent || audit.written > audit.last || audit.durable_n > audit.sent)
		abort();
}

static void begin(void)
{
	int pair[2];

	memset(appends, 0, sizeof(appends));
	n_appends = 0;
	ended = 0;
	turn.stop = false;
	ring_init(&ring);
	if (dgram_pair(pair) < 0 || audit_init(&audit, &turn.pulse, "script", script_next(&script) & 1) < 0)
		abort();
	far = pair[0];
	if (journal_init(&journal, &turn, &ring, &audit, pair[1], &events, NULL) < 0)
		abort();
}

static void end(void)
{
	journal_deinit(&journal);
	for (size_t i = 0; i < n_appends; i++) {
		if (owed[i])
			abort();
	}
	audit_deinit(&audit);
	ring_deinit(&ring);
	close(far);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const Limits none = CEK__INTERNAL__V1__LIMITS__INIT;

	(void)argc;
	(void)argv;
	if (turn_init(&turn) < 0)
		abort();
	turn_set_limits(&turn, &none);
	pulse_init(&turn.pulse, 10, turn.now);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	script = (struct script){.at = data, .left = size};
	begin();
	while (script.left > 0 && !turn.stop)
		act(script_next(&script));
	end();
	return 0;
}
