/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/stand_by.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/journal/serve/replay.h"
#include "daemon/shared/testhook.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__ToJournal ToJournal;

/* All records that there are so far. */
static int answer(struct serve *serve, uint64_t id, struct replay **ret_replay)
{
	struct replay *replay;
	int r = replay_begin(&serve->pair, serve->law, &serve->arena, id, &replay);

	if (r < 0)
		return r;
	r = store_follow(serve->store, false, replay_add, replay);
	if (r == 0)
		r = audit_follow(serve->audit, NULL);
	testhook_step("journal.standing-by");
	if (r == 0)
		r = replay_so_far(replay);
	if (r < 0)
		replay_free(replay);
	else
		*ret_replay = replay;
	return r;
}

/* The broker asks once: another one would have another journal. */
static int read_question(struct serve *serve, struct replay **replay)
{
	ssize_t len = pair_receive(&serve->pair);
	ToJournal *message;
	uint64_t id;

	if (len == -EAGAIN)
		return 0;
	if (len < 0 && len != -EMSGSIZE)
		return (int)len;
	arena_reset(&serve->arena);
	message = len < 0 ? NULL
			  : cek__internal__v1__to_journal__unpack(arena_allocator(&serve->arena), (size_t)len,
				    serve->pair.buffer);
	if (!pair_may_come(&serve->pair, message) || *replay || !message->replay)
		return 0;
	id = message->replay->id;
	return answer(serve, id, replay);
}

/* The other one has ended. The key journal first: what the audit journal tells is held against it. 1 or -errno. */
static int take_over(struct serve *serve, struct replay *replay)
{
	struct store_state keys;
	int r;

	testhook_step("journal.taking-over");
	arena_reset(&serve->arena);
	r = store_follow(serve->store, true, replay ? replay_add : NULL, replay);
	if (r < 0)
		return r;
	keys = store_state(serve->store);
	r = audit_follow(serve->audit, &keys);
	serve->keys.read = replay != NULL;
	sequence_init(serve->pair.sequence, &sequence_broker_to_journal, replay ? BROKER_ASKS : BROKER_UNHEARD);
	if (r == 0 && replay)
		r = replay_end(replay, serve->evidence, keys.identity, &serve->keys.head);
	return r < 0 ? r : 1;
}

int stand_by(struct serve *serve)
{
	struct control *control = serve->pair.control;
	struct pollfd fds[] = {{.fd = serve->pair.fd, .events = POLLIN}, {.fd = control->fd, .events = POLLIN}};
	struct replay *replay = NULL;
	int r = 0;

	sequence_init(serve->pair.sequence, &sequence_broker_to_journal, BROKER_STANDS_BY);
	while (r == 0 && !serve->pair.closed) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			r = log_origin(-errno);
		else if (fds[0].revents)
			r = read_question(serve, &replay);
		control_read(control);
		if (control->end || control->fd < 0)
			break;
		if (r < 0 || !control->take_over)
			continue;
		control->take_over = false; /* nothing calls while the rest is read */
		r = take_over(serve, replay);
	}
	replay_free(replay);
	return r;
}
