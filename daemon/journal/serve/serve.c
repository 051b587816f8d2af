/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h */
#include "daemon/journal/serve/serve.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "proto/internal.pb-c.h"

enum {
	SERVE_ARENA = 2 << 20,  /* bytes: a datagram of DGRAM_MAX, unpacked */
	SERVE_GATHER = 1 << 20, /* bytes of lines after which they are written although more datagrams wait */
	SERVE_DATAGRAMS = 256,  /* the same for datagrams: acknowledgements must not wait for ever */
	LOOK_US = 1000000,
	REST_US = 2000,
};

int serve_init(struct serve *serve)
{
	int r = pair_init(&serve->pair);

	if (r == 0)
		r = arena_init(&serve->arena, SERVE_ARENA);
	if (r < 0)
		return r;
	serve->look_due = clock_monotonic_us() + LOOK_US;
	serve->report = (struct report){
		.pair = &serve->pair,
		.store = serve->store,
		.audit = serve->audit,
		.law = serve->law,
		.sandbox = serve->sandbox,
	};
	serve->keys = (struct key_queue){
		.pair = &serve->pair,
		.store = serve->store,
		.evidence = serve->evidence,
		.report = &serve->report,
		.law = serve->law,
		.arena = &serve->arena,
	};
	key_queue_init(&serve->keys);
	return 0;
}

void serve_deinit(struct serve *serve)
{
	key_queue_deinit(&serve->keys);
	arena_deinit(&serve->arena);
	pair_deinit(&serve->pair);
}

int serve_announce(struct serve *serve)
{
	return report_send(&serve->report);
}

/* ---- audit ------------------------------------------------------------------------------------------------------- */

static int send_audit_done(struct serve *serve)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	Cek__Internal__V1__AuditDone done = CEK__INTERNAL__V1__AUDIT_DONE__INIT;
	struct audit_place place = audit_place(serve->audit);

	if (!place.instance)
		return 0;
	done.instance = (char *)place.instance;
	done.written = place.written;
	done.durable = place.durable;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE;
	message.audit_done = &done;
	return pair_send(&serve->pair, &message);
}

/* Write what was taken, make it durable if asked to, and say so: one write, one fdatasync, one datagram for all batches
 * that had come together. */
static int settle_audit(struct serve *serve)
{
	if (!serve->batch_seen)
		return 0;
	serve->batch_seen = false;
	if (!audit_state(serve->audit).ok)
		return 0; /* serve_time() tries again */
	audit_write(serve->audit);
	if (serve->audit_durable)
		audit_sync(serve->audit);
	else if (audit_state(serve->audit).unsynced && serve->sync_due == 0)
		serve->sync_due = clock_monotonic_us() + serve->sync_us;
	return report_ok(&serve->report) ? send_audit_done(serve) : 0;
}

static void take_audit(struct serve *serve, const Cek__Internal__V1__AuditBatch *batch)
{
	int r;

	serve->batch_seen = true;
	serve->records += batch->n_record;
	r = audit_take(serve->audit, batch);
	if (r < 0) /* the rest of it is never acknowledged, so the broker stops serving by itself */
		log_error("the broker sent an audit record that cannot be written down: %s", strerror(-r));
}

/* ---- the pair ---------------------------------------------------------------------------------------------------- */

static int handle(struct serve *serve, const Cek__Internal__V1__ToJournal *message, size_t len)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY:
	case CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY:
		return key_queue_take(&serve->keys, message, serve->pair.buffer, len);
	case CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT:
		take_audit(serve, message->audit);
		return 0;
	default: /* the table has no others */
		return 0;
	}
}

/* One datagram. 1: handled; 0: none waits; -errno. */
static int serve_one(struct serve *serve)
{
	Cek__Internal__V1__ToJournal *message = NULL;
	ssize_t len = pair_receive(&serve->pair);
	int r;

	if (len == -EAGAIN)
		return 0;
	if (len < 0 && len != -EMSGSIZE)
		return (int)len;
	arena_reset(&serve->arena);
	if (len > 0)
		message = cek__internal__v1__to_journal__unpack(arena_allocator(&serve->arena), (size_t)len,
			serve->pair.buffer);
	r = pair_may_come(&serve->pair, message) ? handle(serve, message, (size_t)len) : 0;
	return r < 0 ? r : 1;
}

/* While nothing can be written, what is gathered is no reason to leave a key record or a Replay unread. */
static bool takes_more(const struct serve *serve)
{
	struct audit_state audit = audit_state(serve->audit);

	return (audit.gathered < SERVE_GATHER || !audit.ok) && !key_queue_full(&serve->keys);
}

int serve_readable(struct serve *serve)
{
	bool emptied;
	int r = 1;

	serve->records = 0;
	for (unsigned i = 0; i < SERVE_DATAGRAMS && r > 0 && takes_more(serve); i++)
		r = serve_one(serve);
	emptied = r == 0;
	if (r >= 0)
		r = settle_audit(serve);
	serve->rest_until = emptied && serve->records > 0 && !serve->audit_durable ? clock_monotonic_us() + REST_US : 0;
	return r < 0 ? r : report_send_if_new(&serve->report);
}

/* ---- waiting and time -------------------------------------------------------------------------------------------- */

uint64_t serve_rest(const struct serve *serve)
{
	uint64_t now = serve->rest_until > 0 ? clock_monotonic_us() : 0;

	return serve->rest_until > now ? serve->rest_until - now : 0;
}

int serve_wait(const struct serve *serve, struct pollfd fds[SERVE_FDS])
{
	struct store_wait store = store_wait(serve->store);
	uint64_t rest = serve_rest(serve);
	struct timespec timeout = {.tv_nsec = (long)rest * 1000};
	int r;

	fds[SERVE_PAIR] = (struct pollfd){.fd = key_queue_full(&serve->keys) ? -1 : serve->pair.fd, .events = POLLIN};
	fds[SERVE_CONTROL].revents = 0;
	fds[SERVE_STORE] = (struct pollfd){.fd = store.fd, .events = store.events};
	/* At rest not for the pair. */
	r = rest > 0 ? ppoll(&fds[SERVE_CONTROL], SERVE_FDS - SERVE_CONTROL, &timeout, NULL)
		     : poll(fds, SERVE_FDS, serve_timeout(serve));
	return r < 0 && errno != EINTR ? log_origin(-errno) : 0;
}

static void sooner(uint64_t *due, uint64_t other)
{
	if (other != 0 && other < *due)
		*due = other;
}

int serve_timeout(const struct serve *serve)
{
	uint64_t due = serve->look_due, now = clock_monotonic_us();

	sooner(&due, serve->sync_due);
	sooner(&due, serve->report.retry_due);
	sooner(&due, store_wait(serve->store).due);
	return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

static int sync_now(struct serve *serve)
{
	serve->sync_due = 0;
	audit_sync(serve->audit);
	return report_ok(&serve->report) ? send_audit_done(serve) : 0;
}

static int retry_now(struct serve *serve, uint64_t now)
{
	serve->report.retry_due = now + REPORT_RETRY_US;
	store_retry(serve->store);
	audit_retry(serve->audit);
	return report_ok(&serve->report) ? send_audit_done(serve) : 0;
}

int serve_time(struct serve *serve)
{
	uint64_t now = clock_monotonic_us();
	int r = key_queue_turn(&serve->keys);

	if (r == 0 && serve->sync_due != 0 && serve->sync_due <= now)
		r = sync_now(serve);
	if (serve->look_due <= now) {
		serve->look_due = now + LOOK_US;
		store_look(serve->store);
		audit_look(serve->audit);
	}
	if (r == 0 && serve->report.retry_due != 0 && serve->report.retry_due <= now)
		r = retry_now(serve, now);
	return r < 0 ? r : report_send_if_new(&serve->report);
}

/* The audit records first: they wait for nobody. */
int serve_finish(struct serve *serve)
{
	int r;

	serve->pair.ending = true;
	do {
		r = serve_one(serve);
	} while (r > 0);
	audit_write(serve->audit);
	audit_sync(serve->audit);
	audit_log_rest(serve->audit);
	if (r == 0)
		r = key_queue_finish(&serve->keys);
	return r < 0 ? r : send_audit_done(serve);
}
