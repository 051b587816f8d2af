/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/resource.h>

#include "base/log.h"
#include "daemon/broker/base/turn.h"
#include "proto/dgram.h"
#include "proto/frame.h"

enum {
	HANG_SECONDS = 10,      /* until the setup says otherwise */
	SPARE_FILES = 256,      /* cekd raises the limit of files to the connections and as many more */
	OUTPUTS_OF_A_USER = 16, /* connections whose unread replies may all reach their limit */
	LOCKED_LEAST = 8388608, /* bytes, also where less may be locked: Status warns */
};

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value > 0 ? value : fallback;
}

/* Connections must not take the last descriptors: a new worker comes as one, and a message whose descriptor finds no
 * place ends the broker. */
static uint32_t affordable(uint32_t connections)
{
	struct rlimit files;
	uint64_t most;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return connections;
	most = files.rlim_cur > 2 * SPARE_FILES ? files.rlim_cur - SPARE_FILES : files.rlim_cur / 2;
	return most < connections ? (uint32_t)most : connections;
}

/* Half of what may be locked: the rest is for requests, jobs and messages. */
static size_t lockable(void)
{
	struct rlimit memlock;

	if (getrlimit(RLIMIT_MEMLOCK, &memlock) < 0 || memlock.rlim_cur / 2 < LOCKED_LEAST)
		return LOCKED_LEAST;
	return memlock.rlim_cur == RLIM_INFINITY ? SIZE_MAX : memlock.rlim_cur / 2;
}

void turn_set_limits(struct turn *turn, const Limits *limits)
{
	Limits *to = &turn->limits;

	*to = (Limits)CEK__INTERNAL__V1__LIMITS__INIT;
	turn->connections_wanted = or_default(limits->connections, 10240);
	to->connections = affordable(turn->connections_wanted);
	to->connections_per_uid = or_default(limits->connections_per_uid, to->connections);
	to->requests_per_connection = or_default(limits->requests_per_connection, 128);
	to->requests_per_uid = or_default(limits->requests_per_uid, 1024);
	to->queue_per_worker = or_default(limits->queue_per_worker, 16);
	to->queue = or_default(limits->queue, 4096);
	to->output_bytes = or_default(limits->output_bytes, 262144);
	turn->output_per_user = (size_t)to->output_bytes * OUTPUTS_OF_A_USER;
	turn->locked_most = lockable();
	to->silent_seconds = or_default(limits->silent_seconds, 30);
	to->stalled_seconds = or_default(limits->stalled_seconds, 30);
	to->deadline_ms = or_default(limits->deadline_ms, 10000);
	to->manage_deadline_ms = or_default(limits->manage_deadline_ms, 120000);
	to->versions_tried = or_default(limits->versions_tried, 8);
}

static int init_memory(struct turn *turn)
{
	int r = arena_init(&turn->arena, ARENA_SIZE);

	if (r == 0)
		r = arena_init(&turn->buffers, INPUT_SIZE + DGRAM_MAX + FRAME_HEADER + FRAME_BODY_MAX + 64);
	if (r < 0)
		return r;
	turn->input = arena_alloc(&turn->buffers, INPUT_SIZE);
	turn->datagram = arena_alloc(&turn->buffers, DGRAM_MAX);
	turn->frame = arena_alloc(&turn->buffers, FRAME_HEADER + FRAME_BODY_MAX);
	return turn->frame ? 0 : -ENOMEM;
}

static void on_tick(evutil_socket_t fd, short what, void *data)
{
	/* The end of the turn looks at the timers. */
}

int turn_init(struct turn *turn)
{
	int r;

	*turn = (struct turn){0};
	turn_look_at_clock(turn);
	timers_init(&turn->timers, turn->now);
	pulse_init(&turn->pulse, HANG_SECONDS, turn->now);
	r = init_memory(turn);
	if (r < 0)
		return r;
	turn->base = event_base_new();
	if (!turn->base)
		return log_origin(-ENOMEM);
	event_assign(&turn->tick, turn->base, -1, 0, on_tick, turn);
	return 0;
}

void turn_deinit(struct turn *turn)
{
	if (turn->base) {
		event_del(&turn->tick);
		event_base_free(turn->base);
	}
	arena_deinit(&turn->arena);
	arena_deinit(&turn->buffers);
	*turn = (struct turn){0};
}

void turn_handle(struct turn *turn, bool wait)
{
	if (event_base_loop(turn->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK)) < 0)
		turn->stop = true;
	turn_look_at_clock(turn);
}

void turn_timers(struct turn *turn)
{
	timers_turn(&turn->timers, turn->now);
	arena_reset(&turn->arena);
}

void turn_come_back(struct turn *turn)
{
	static const struct timeval tick = {.tv_usec = TIMERS_TICK_US};

	if (turn->timers.count > 0 && !event_pending(&turn->tick, EV_TIMEOUT, NULL))
		event_add(&turn->tick, &tick);
}
