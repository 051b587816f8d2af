/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/store_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/wipe.h"
#include "daemon/journal/lines.h"
#include "daemon/journal/record.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

enum { READ_ARENA = 1 << 20 };

/* What is under way. */
struct asked {
	store_done_fn *done; /* NULL: nothing */
	void *userdata;
	bool append; /* or a sync */
	enum store_outcome outcome;
	struct chain_head expected;
	char why[STORE_WHY_MAX];
};

struct store_memory {
	struct store store;
	struct memory_journal *journal;
	struct arena arena;
	struct lines lines; /* of the append under way, after the expected head */
	struct asked asked;
	int event; /* something has come */
	bool held;
	enum store_outcome next;
	bool next_written;
	store_others_fn *others;
	void *others_userdata;
	uint64_t told; /* up to this seq */
};

static struct store_memory *memory_of(const struct store *store)
{
	return (struct store_memory *)(void *)(uintptr_t)store;
}

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		abort();
	}
}

static void wake(struct store_memory *memory)
{
	uint64_t one = 1;

	must(write(memory->event, &one, sizeof(one)) == sizeof(one), "eventfd");
}

/* ---- the journal ------------------------------------------------------------------------------------------------- */

/* The lines from this seq on. */
static int read_lines(struct store_memory *memory, uint64_t seq, store_record_fn *fn, void *userdata)
{
	struct memory_journal *journal = memory->journal;
	struct chain_head head = chain_start();
	int r = 0;

	for (size_t at = 0, len; r == 0 && at < journal->text.len; at += len + 1) {
		const char *line = journal->text.data + at;
		char why[CHAIN_WHY_MAX];
		KeyRecord *record;
		json_t *object;

		len = (size_t)((const char *)memchr(line, '\n', journal->text.len - at) - line);
		object = chain_line_parse(line, len, why);
		arena_reset(&memory->arena);
		must(object && record_read_key(object, &memory->arena, &record, why) == 0, "a line");
		must(chain_hash(memory->lines.hasher, line, len, head.hash) == 0, "a hash");
		head.seq++;
		json_decref(object);
		if (head.seq >= seq)
			r = fn(userdata, record, &head);
	}
	return r;
}

static int memory_read_from(struct store *store, uint64_t seq, store_record_fn *fn, void *userdata)
{
	return read_lines(memory_of(store), seq, fn, userdata);
}

struct looking {
	const struct chain_head *line;
	bool found;
};

static int look_for(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct looking *looking = userdata;

	if (head->seq == looking->line->seq && strcmp(head->hash, looking->line->hash) == 0)
		looking->found = true;
	return 0;
}

static int memory_holds(struct store *store, const struct chain_head *line, char why[STORE_WHY_MAX])
{
	struct looking looking = {.line = line};

	(void)read_lines(memory_of(store), line->seq, look_for, &looking);
	snprintf(why, STORE_WHY_MAX, "%s", looking.found ? "" : "no such line");
	return looking.found ? 0 : -ENOENT;
}

/* ---- what completes later ---------------------------------------------------------------------------------------- */

static int ask(struct store_memory *memory, bool append, store_done_fn *done, void *userdata)
{
	if (memory->asked.done)
		return -EBUSY;
	memory->asked = (struct asked){.append = append, .done = done, .userdata = userdata};
	if (!memory->held)
		wake(memory);
	return 0;
}

static int memory_append(struct store *store, KeyRecord *const *records, size_t n, const struct chain_head *expected,
	store_done_fn *done, void *userdata)
{
	struct store_memory *memory = memory_of(store);
	int r = ask(memory, true, done, userdata);

	if (r < 0)
		return r;
	memory->asked.expected = *expected;
	lines_drop(&memory->lines, expected);
	if (lines_add_keys(&memory->lines, records, n, &memory->arena, memory->asked.why) < 0)
		memory->asked.outcome = STORE_REFUSED;
	return 0;
}

static int memory_sync(struct store *store, store_done_fn *done, void *userdata)
{
	return ask(memory_of(store), false, done, userdata);
}

static void memory_subscribe(struct store *store, store_others_fn *fn, void *userdata)
{
	struct store_memory *memory = memory_of(store);

	memory->others = fn;
	memory->others_userdata = userdata;
	memory->told = memory->journal->head.seq;
}

static void write_lines(struct store_memory *memory)
{
	struct memory_journal *journal = memory->journal;

	text_raw(&journal->text, memory->lines.text.data, memory->lines.text.len);
	journal->head = memory->lines.next;
	memory->told = journal->head.seq;
	for (size_t i = 0; i < MEMORY_STORES; i++) {
		if (journal->stores[i] && journal->stores[i] != memory)
			wake(journal->stores[i]);
	}
}

/* As the server does it: the head is looked at when the append has arrived there. */
static void decide(struct store_memory *memory)
{
	struct asked *asked = &memory->asked;
	const struct chain_head *head = &memory->journal->head;

	if (!asked->append || asked->outcome != STORE_DONE)
		return;
	if (head->seq != asked->expected.seq || strcmp(head->hash, asked->expected.hash) != 0) {
		asked->outcome = STORE_CONFLICT;
		snprintf(asked->why, sizeof(asked->why), "the journal ends with seq %" PRIu64, head->seq);
		return;
	}
	asked->outcome = memory->next;
	if (memory->next == STORE_DONE || memory->next_written)
		write_lines(memory);
	if (memory->next != STORE_DONE)
		snprintf(asked->why, sizeof(asked->why), "the server is away");
	memory->next = STORE_DONE;
}

static int tell_others(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct store_memory *memory = userdata;

	memory->told = head->seq;
	if (memory->others)
		memory->others(memory->others_userdata, record, head);
	return 0;
}

static void memory_turn(struct store *store)
{
	struct store_memory *memory = memory_of(store);
	struct store_result result;
	struct asked asked;
	uint64_t n;

	if (read(memory->event, &n, sizeof(n)) < 0)
		return;
	if (memory->told < memory->journal->head.seq)
		(void)read_lines(memory, memory->told + 1, tell_others, memory);
	if (memory->held || !memory->asked.done)
		return;
	decide(memory);
	asked = memory->asked;
	memory->asked.done = NULL;
	result = (struct store_result){.outcome = asked.outcome, .head = memory->journal->head, .why = asked.why};
	asked.done(asked.userdata, &result);
}

static struct store_wait memory_wait(const struct store *store)
{
	return (struct store_wait){.fd = memory_of(store)->event, .events = POLLIN};
}

/* ---- the store --------------------------------------------------------------------------------------------------- */

static void memory_look(struct store *store)
{
	(void)store;
}

static struct store_state memory_state(const struct store *store)
{
	return (struct store_state){
		.text = "ok",
		.ok = true,
		.head = memory_of(store)->journal->head,
		.identity = "memory",
	};
}

static void memory_close(struct store *store)
{
	struct store_memory *memory = memory_of(store);

	for (size_t i = 0; i < MEMORY_STORES; i++) {
		if (memory->journal->stores[i] == memory)
			memory->journal->stores[i] = NULL;
	}
	close(memory->event);
	lines_deinit(&memory->lines);
	arena_deinit(&memory->arena);
	free(memory);
}

static const struct store_ops memory_ops = {
	.read_from = memory_read_from,
	.holds = memory_holds,
	.append = memory_append,
	.sync = memory_sync,
	.subscribe = memory_subscribe,
	.look = memory_look,
	.retry = memory_look,
	.state = memory_state,
	.wait = memory_wait,
	.turn = memory_turn,
	.close = memory_close,
};

struct store *store_memory_open(struct memory_journal *journal)
{
	struct store_memory *memory = calloc(1, sizeof(*memory));
	size_t i = 0;

	must(memory && lines_init(&memory->lines) == 0 && arena_init(&memory->arena, READ_ARENA) == 0, "memory");
	memory->store.ops = &memory_ops;
	memory->journal = journal;
	memory->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(memory->event >= 0, "eventfd");
	memory->told = journal->head.seq;
	while (i < MEMORY_STORES && journal->stores[i])
		i++;
	must(i < MEMORY_STORES, "too many stores");
	journal->stores[i] = memory;
	return &memory->store;
}

void store_memory_hold(struct store *store, bool hold)
{
	memory_of(store)->held = hold;
	if (!hold)
		wake(memory_of(store));
}

void store_memory_next(struct store *store, enum store_outcome outcome, bool written)
{
	memory_of(store)->next = outcome;
	memory_of(store)->next_written = written;
}
