/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that have been taken over, against cekd itself: broker, journal, workers and the manage worker say what the
 * script says, in any order. Who breaks the rules is condemned and counted once, no word of it counts any more, and
 * nobody else suffers but who was accused, or given up by the broker.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/parent/children.h"
#include "daemon/parent/news.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"
#include "tests/fuzz/script.h"

typedef Cek__Internal__V1__Control Control;

enum {
	INPUT_MAX = 1024,
	CHILDREN = 5,
	NOBODY = 0x7ffffff0, /* more than any process has; each child gets one, upwards */
};

static struct event_base *base;
static struct family family;
static struct logins logins;
static struct news news;
static struct script script;
static struct child *children[CHILDREN];
static int ends[CHILDREN];
static bool was_condemned[CHILDREN];

static void on_changed(void *owner)
{
	(void)owner;
}

static void start(int i)
{
	int pair[2];

	if (dgram_pair(pair) < 0)
		abort();
	child_started(children[i], NOBODY + i, pair[0]);
	ends[i] = pair[1];
	children[i]->broker_run = family.broker_runs;
	was_condemned[i] = false;
	if (child_listen(children[i], base, news_heard, &news) < 0)
		abort();
	script_know(&script, (uint64_t)NOBODY + (uint64_t)i);
}

static void begin(void)
{
	logins = (struct logins){0};
	news = (struct news){.family = &family, .logins = &logins, .pin_file = "/pin"};
	if (family_init(&family, base, 2, on_changed, NULL) < 0)
		abort();
	family.broker_runs = 1;
	children[0] = &family.broker;
	children[1] = &family.journal;
	children[2] = &family.slots[0].child[0];
	children[3] = &family.slots[1].child[0];
	children[4] = &family.manage;
	for (int i = 0; i < CHILDREN; i++)
		start(i);
}

static void end(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		child_ended(children[i], SIGKILL);
		close(ends[i]);
	}
	family_deinit(&family);
}

static void ask(int i)
{
	Cek__Internal__V1__AreYouThere question = CEK__INTERNAL__V1__ARE_YOU_THERE__INIT;
	Cek__Internal__V1__Reload reload = CEK__INTERNAL__V1__RELOAD__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE;
	message.are_you_there = &question;
	if (script_next(&script) & 1) {
		message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD;
		message.reload = &reload;
	}
	(void)child_send(children[i], &message, NULL, 0);
}

static uint64_t counted(void)
{
	uint64_t n = 0;

	for (int i = 0; i < SEQUENCE_PAIRS; i++)
		n += family.broken[i];
	return n;
}

/* Nobody is condemned without a count. */
static void look(uint64_t counted_before, int spoke)
{
	unsigned condemned = 0;

	for (int i = 0; i < CHILDREN; i++) {
		condemned += children[i]->condemned && !was_condemned[i];
		if (was_condemned[i] && !children[i]->condemned)
			abort();
		if (children[i]->condemned && !was_condemned[i] && i != spoke && i != 0 && spoke != 0)
			abort(); /* a worker or the journal ends itself or the broker, nobody else */
		was_condemned[i] = children[i]->condemned;
	}
	if (condemned > 0 && counted() == counted_before && news.family == &family && spoke != 0)
		abort();
}

static void say(int i)
{
	static const uint8_t kinds[] = {4, 5, 6, 7, 9, 10, 12, 14, 30, 0, 1, 2, 3, 8, 11, 13, 20, 31};
	const uint64_t before = counted();
	const bool was_ready = children[i]->ready;
	bool condemned = children[i]->condemned;

	(void)script_send(&script, ends[i], &cek__internal__v1__control__descriptor,
		kinds[script_next(&script) % sizeof(kinds)], 0);
	news_read(&news, children[i]);
	if (condemned && (counted() != before || children[i]->ready != was_ready))
		abort();
	look(before, i);
}

static void act(uint8_t what)
{
	const int i = (what >> 2) % CHILDREN;

	switch (what & 3) {
	case 0:
		ask(i);
		break;
	case 1:
		if (what & 0x80) {
			child_ended(children[i], SIGKILL);
			close(ends[i]);
			family.broker_runs += i == 0;
			start(i);
		}
		break;
	default:
		say(i);
		break;
	}
	for (int k = 0; k < CHILDREN; k++) { /* what cekd said need not be kept */
		char byte;

		while (recv(ends[k], &byte, 1, MSG_DONTWAIT) > 0)
			continue;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	base = event_base_new();
	return base ? 0 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	script = (struct script){.at = data, .left = size};
	begin();
	while (script.left > 0)
		act(script_next(&script));
	end();
	return 0;
}
