/* serve.h */
#include "daemon/journal/serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/journal/evidence.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

enum {
	SERVE_ARENA = 2 << 20,    /* bytes: a datagram of DGRAM_MAX, unpacked */
	SERVE_GATHER = 1 << 20,   /* bytes of lines after which they are written although more datagrams wait */
	SERVE_DATAGRAMS = 256,    /* the same for datagrams: acknowledgements must not wait for ever */
	RETRY_US = 1000000,
	LOOK_US = 1000000,
	REST_US = 2000,
};

int serve_init(struct serve *serve)
{
	int flags = fcntl(serve->fd, F_GETFL);

	if (flags < 0 || fcntl(serve->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	serve->buffer = malloc(DGRAM_MAX);
	if (!serve->buffer)
		return -ENOMEM;
	serve->look_due = clock_monotonic_us() + LOOK_US;
	return arena_init(&serve->arena, SERVE_ARENA);
}

void serve_deinit(struct serve *serve)
{
	arena_deinit(&serve->arena);
	free(serve->buffer);
	serve->buffer = NULL;
}

/* Wait for a broker that is slow. When cekd wants something meanwhile, or the broker is gone for good, the message is
 * dropped: whoever comes next asks for JournalState and Replay anyway. */
static int send_message(struct serve *serve, const Cek__Internal__V1__FromJournal *message)
{
	struct pollfd fds[] = { { .fd = serve->fd, .events = POLLOUT }, { .fd = serve->control_fd, .events = POLLIN } };

	for (;;) {
		int r = dgram_send(serve->fd, &message->base, NULL, 0);

		if (r == -EPIPE || r == -ECONNRESET || (r == -EAGAIN && serve->ending))
			return 0;
		if (r != -EAGAIN)
			return r;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return 0;
	}
}

static int send_state(struct serve *serve)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__JournalState state = CEK__INTERNAL__V1__JOURNAL_STATE__INIT;

	state.ok = store_ok(serve->store);
	state.keys = (char *)store_keys_state(serve->store);
	state.audit = (char *)store_audit_state(serve->store);
	state.sandbox = (char *)serve->sandbox;
	state.keys_seq = store_keys_seq(serve->store);
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE;
	message.state = &state;
	snprintf(serve->told_keys, sizeof(serve->told_keys), "%s", state.keys);
	snprintf(serve->told_audit, sizeof(serve->told_audit), "%s", state.audit);
	serve->retry_due = state.ok ? 0 : clock_monotonic_us() + RETRY_US;
	return send_message(serve, &message);
}

static int send_state_if_new(struct serve *serve)
{
	bool same = strcmp(serve->told_keys, store_keys_state(serve->store)) == 0 && strcmp(serve->told_audit, store_audit_state(serve->store)) == 0;

	return same ? 0 : send_state(serve);
}

int serve_announce(struct serve *serve)
{
	return send_state(serve);
}

static int send_audit_done(struct serve *serve)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__AuditDone done = CEK__INTERNAL__V1__AUDIT_DONE__INIT;
	struct store_audit_place place = store_audit_place(serve->store);

	if (!place.instance)
		return 0;
	done.instance = (char *)place.instance;
	done.written = place.written;
	done.durable = place.durable;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE;
	message.audit_done = &done;
	return send_message(serve, &message);
}

static bool audit_ok(const struct serve *serve)
{
	return strcmp(store_audit_state(serve->store), "ok") == 0;
}

/* Write what was taken, make it durable if asked to, and say so: one write, one fdatasync, one datagram for all batches
 * that had come together. */
static int settle_audit(struct serve *serve)
{
	if (!serve->batch_seen)
		return 0;
	serve->batch_seen = false;
	if (!audit_ok(serve))
		return 0; /* serve_time() tries again */
	store_audit_write(serve->store);
	if (serve->audit_durable)
		store_audit_sync(serve->store);
	else if (store_audit_unsynced(serve->store) && serve->sync_due == 0)
		serve->sync_due = clock_monotonic_us() + serve->sync_us;
	return store_ok(serve->store) ? send_audit_done(serve) : 0;
}

/* ---- replay --------------------------------------------------------------------------------------------------------- */

enum {
	BATCH_BYTES = DGRAM_MAX - 1024, /* packed records; the rest is for what is around them */
	BATCH_RECORDS = 512,
};

/* One batch of packed records: a message of the store lives only until the next one. */
struct batch {
	struct serve *serve;
	uint64_t id;
	Cek__Internal__V1__KeyRecord *records[BATCH_RECORDS];
	size_t n, bytes;
};

static int send_replay(struct batch *batch, Cek__Internal__V1__ReplayBatch *replay)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	int r;

	replay->record = batch->records;
	replay->n_record = batch->n;
	replay->id = batch->id;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = replay;
	r = send_message(batch->serve, &message);
	arena_reset(&batch->serve->arena);
	batch->n = batch->bytes = 0;
	return r;
}

static int send_batch(struct batch *batch)
{
	Cek__Internal__V1__ReplayBatch replay = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;

	return send_replay(batch, &replay);
}

/* The last one. Changes that only the audit journal knows may be long: then they travel alone. */
static int send_last_batch(struct batch *batch)
{
	Cek__Internal__V1__ReplayBatch replay = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	const struct evidence *evidence = store_evidence(batch->serve->store);
	char *later[EVIDENCE_LATER_MAX];
	const char *line;
	int r = evidence->outlived && batch->n > 0 ? send_batch(batch) : 0;

	if (r < 0)
		return r;
	while (replay.n_later < EVIDENCE_LATER_MAX && (line = evidence_later(evidence, replay.n_later)))
		later[replay.n_later++] = (char *)line;
	replay.later = later;
	replay.more_later = evidence_more_later(evidence);
	replay.outlived = evidence->outlived;
	replay.file = (char *)evidence->file;
	replay.hash = (char *)store_keys_hash(batch->serve->store);
	replay.end = true;
	return send_replay(batch, &replay);
}

static int add_to_batch(void *userdata, const Cek__Internal__V1__KeyRecord *record)
{
	enum { AROUND = 8 }; /* tag and length of one record */
	struct batch *batch = userdata;
	struct arena *arena = &batch->serve->arena;
	size_t len = cek__internal__v1__key_record__get_packed_size(record);
	uint8_t *packed;
	int r;

	if (batch->n == BATCH_RECORDS || batch->bytes + len + AROUND > BATCH_BYTES) {
		r = send_batch(batch);
		if (r < 0)
			return r;
	}
	packed = arena_alloc(arena, len);
	if (!packed)
		return -ENOMEM;
	cek__internal__v1__key_record__pack(record, packed);
	batch->records[batch->n] = cek__internal__v1__key_record__unpack(arena_allocator(arena), len, packed);
	if (!batch->records[batch->n])
		return -ENOMEM;
	batch->n++;
	batch->bytes += len + AROUND;
	return 0;
}

static int replay(struct serve *serve, uint64_t id)
{
	struct batch *batch;
	int r;

	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return -ENOMEM;
	batch->serve = serve;
	batch->id = id;
	arena_reset(&serve->arena);
	/* A broker that has just started takes it that all is well, unless it is told. */
	r = store_ok(serve->store) ? 0 : send_state(serve);
	if (r == 0)
		r = store_read_keys(serve->store, add_to_batch, batch);
	if (r == 0)
		r = send_last_batch(batch);
	free(batch);
	/* A journal that cannot be trusted is not replayed, not even in part: the state says why. */
	return r == -EROFS || r == -EBADMSG ? send_state_if_new(serve) : r;
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

static int append_key(struct serve *serve, const Cek__Internal__V1__AppendKey *append)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__Appended appended = CEK__INTERNAL__V1__APPENDED__INIT;
	char why[STORE_WHY_MAX] = "";

	appended.id = append->id;
	appended.ok = (!append->head[0] || store_keys_hold(serve->store, append->head, why) == 0) &&
		      store_append_keys(serve->store, append->record, append->n_record, why, &appended.last_seq) == 0;
	appended.why = why;
	appended.hash = (char *)store_keys_hash(serve->store);
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED;
	message.appended = &appended;
	return send_message(serve, &message);
}

static int handle(struct serve *serve, const Cek__Internal__V1__ToJournal *message)
{
	int r;

	switch (message->what_case) {
	case CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY:
		return replay(serve, message->replay->id);
	case CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY:
		return append_key(serve, message->append_key);
	case CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT:
		serve->batch_seen = true;
		serve->records += message->audit->n_record;
		r = store_audit_take(serve->store, message->audit);
		if (r < 0) /* the rest of it is never acknowledged, so the broker stops serving by itself */
			log_error("the broker sent an audit record that cannot be written down: %s", strerror(-r));
		return 0;
	default:
		log_error("the broker sent a message that this journal does not know");
		return 0;
	}
}

/* One datagram. 1: handled; 0: none waits; -errno. */
static int serve_one(struct serve *serve)
{
	Cek__Internal__V1__ToJournal *message;
	ssize_t len;
	int r;

	len = dgram_recv(serve->fd, MSG_DONTWAIT, serve->buffer, DGRAM_MAX, NULL, 0, NULL);
	if (len == -EAGAIN)
		return 0;
	if (len == -ECONNRESET) /* something stayed unread there; told once, and before the last records */
		return 1;
	if (len == 0) {
		serve->closed = true;
		return 0;
	}
	if (len < 0 && len != -EMSGSIZE)
		return (int)len;
	arena_reset(&serve->arena);
	message = len < 0 ? NULL : cek__internal__v1__to_journal__unpack(arena_allocator(&serve->arena), (size_t)len, serve->buffer);
	if (!message) {
		log_error("the broker sent a datagram that is no message");
		return 1;
	}
	r = handle(serve, message);
	return r < 0 ? r : 1;
}

int serve_readable(struct serve *serve)
{
	bool emptied;
	int r = 1;

	serve->records = 0;
	/* While nothing can be written, what is gathered is no reason to leave a key record or a Replay unread. */
	for (unsigned i = 0; i < SERVE_DATAGRAMS && r > 0 && (store_audit_gathered(serve->store) < SERVE_GATHER || !audit_ok(serve)); i++)
		r = serve_one(serve);
	emptied = r == 0;
	if (r >= 0)
		r = settle_audit(serve);
	serve->rest_until = emptied && serve->records > 0 && !serve->audit_durable ? clock_monotonic_us() + REST_US : 0;
	return r < 0 ? r : send_state_if_new(serve);
}

uint64_t serve_rest(const struct serve *serve)
{
	uint64_t now = serve->rest_until > 0 ? clock_monotonic_us() : 0;

	return serve->rest_until > now ? serve->rest_until - now : 0;
}

int serve_timeout(const struct serve *serve)
{
	uint64_t due = serve->look_due, now = clock_monotonic_us();

	if (serve->sync_due != 0 && serve->sync_due < due)
		due = serve->sync_due;
	if (serve->retry_due != 0 && serve->retry_due < due)
		due = serve->retry_due;
	return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

int serve_time(struct serve *serve)
{
	uint64_t now = clock_monotonic_us();
	int r = 0;

	if (serve->sync_due != 0 && serve->sync_due <= now) {
		serve->sync_due = 0;
		store_audit_sync(serve->store);
		if (store_ok(serve->store))
			r = send_audit_done(serve);
	}
	if (serve->look_due <= now) {
		serve->look_due = now + LOOK_US;
		store_look(serve->store);
	}
	if (r == 0 && serve->retry_due != 0 && serve->retry_due <= now) {
		serve->retry_due = now + RETRY_US;
		store_retry(serve->store);
		if (store_ok(serve->store))
			r = send_audit_done(serve);
	}
	return r < 0 ? r : send_state_if_new(serve);
}

int serve_finish(struct serve *serve)
{
	int r;

	serve->ending = true;
	do {
		r = serve_one(serve);
	} while (r > 0);
	if (r < 0)
		return r;
	store_audit_write(serve->store);
	store_audit_sync(serve->store);
	store_audit_log_rest(serve->store);
	return send_audit_done(serve);
}
