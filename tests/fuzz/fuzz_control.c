/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cekd that says what it should not, against those who read it: the broker's link, the journal's and a worker's. Each
 * believes what may come and accuses it of the rest, once, and no descriptor that came along stays open.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/broker/net/parent_link.h"
#include "daemon/journal/serve/control.h"
#include "daemon/token/hear.h"
#include "daemon/token/tell.h"
#include "proto/dgram.h"
#include "tests/fuzz/script.h"

typedef Cek__Internal__V1__Control Control;

enum { INPUT_MAX = 1024 };

static struct turn turn;
static struct script script;
static bool over; /* an end is to be made */
static unsigned drains, accusations;

/* ---- the broker's ------------------------------------------------------------------------------------------------ */

static void on_worker_up(void *owner, int fd, int executing, const Cek__Internal__V1__WorkerUp *up)
{
	(void)owner;
	if (over || fcntl(fd, F_GETFD) < 0 || fcntl(executing, F_GETFD) < 0 || fd == executing || !up)
		abort();
	close(fd);
}

static void on_worker_gone(void *owner, const Cek__Internal__V1__WorkerGone *gone)
{
	(void)owner;
	if (over || !gone)
		abort();
}

static void on_reload(void *owner, const Cek__Internal__V1__Reload *reload)
{
	(void)owner;
	if (over || !reload)
		abort();
}

static void on_drain(void *owner, bool quiet)
{
	(void)owner;
	(void)quiet;
	if (over || ++drains > 1)
		abort();
}

static void on_broken(void *owner, const Cek__Internal__V1__Broken *broken)
{
	(void)owner;
	if (over || !broken)
		abort();
}

static void on_lost(void *owner)
{
	(void)owner;
	over = true;
}

static const struct parent_link_events events = {.worker_up = on_worker_up,
	.worker_gone = on_worker_gone,
	.reload = on_reload,
	.drain = on_drain,
	.broken = on_broken,
	.lost = on_lost};

/* ---- the script -------------------------------------------------------------------------------------------------- */

void tell_broke(bool cekd, const char *how)
{
	if (!cekd || strlen(how) == 0 || ++accusations > 1)
		abort();
	over = true;
}

static void say(int cekd)
{
	static const uint8_t kinds[] = {0, 1, 2, 3, 8, 11, 13, 31, 4, 5, 6, 7, 9, 10, 12, 14, 20, 30};
	const uint8_t what = script_next(&script);
	const unsigned kind = kinds[(what & 0x1f) % sizeof(kinds)];

	/* Mostly as many descriptors as there ought to be. */
	(void)script_send(&script, cekd, &cek__internal__v1__control__descriptor, kind,
		what & 0xc0 ? (kind == 1 ? 2 : 0) : script_next(&script) & 3);
}

static void read_answers(int cekd)
{
	static uint8_t data[DGRAM_MAX];
	ssize_t n;

	while ((n = recv(cekd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		Control *message = cek__internal__v1__control__unpack(NULL, (size_t)n, data);
		const bool broke = message && message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_BROKE;

		if (!message || (broke && (!message->broke->cekd || ++accusations > 1)))
			abort();
		cek__internal__v1__control__free_unpacked(message, NULL);
	}
}

static void as_broker(int pair[2])
{
	struct parent_link link;

	if (parent_link_init(&link, &turn, pair[0], &events, NULL) < 0)
		abort();
	while (script.left > 0 && !over) {
		say(pair[1]);
		turn_handle(&turn, false);
		read_answers(pair[1]);
	}
	parent_link_deinit(&link);
	if (over != (accusations > 0))
		abort();
}

static void as_journal(int pair[2], bool stands_by)
{
	struct control control;

	if (control_init(&control, pair[0], stands_by) < 0)
		abort();
	while (script.left > 0 && !control.end) {
		say(pair[1]);
		control_read(&control);
		read_answers(pair[1]);
		if (control.take_over && !stands_by)
			abort();
	}
	if (accusations > 0 && !control.end)
		abort();
}

static void as_worker(int pair[2])
{
	struct hear hear;
	bool ends = false;

	hear_init(&hear, false);
	while (script.left > 0 && !ends) {
		say(pair[1]);
		ends = hear_cekd(&hear, pair[0]);
	}
	if (over && !ends)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (turn_init(&turn) < 0)
		abort();
	pulse_init(&turn.pulse, 10, turn.now);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int first_free = -1;
	int pair[2];
	uint8_t who;

	if (size > INPUT_MAX || dgram_pair(pair) < 0)
		return 0;
	script = (struct script){.at = data, .left = size};
	over = false;
	drains = accusations = 0;
	who = script_next(&script);
	if ((who & 3) == 0)
		as_worker(pair);
	else if ((who & 3) == 1)
		as_journal(pair, who & 4);
	else
		as_broker(pair);
	close(pair[0]);
	close(pair[1]);
	who = 0;
	pair[0] = fcntl(0, F_DUPFD, 0); /* the lowest number is free again */
	if (first_free >= 0 && pair[0] > first_free + 1)
		abort();
	first_free = first_free < 0 ? pair[0] : first_free;
	close(pair[0]);
	return 0;
}
