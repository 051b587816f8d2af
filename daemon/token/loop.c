#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"
#include "hang.h"
#include "manage.h"
#include "proto/dgram.h"
#include "proto/put.h"

enum {
	BATCH = 8,                    /* jobs taken at once */
	JOB_MAX = 16384,              /* bytes; a rewrap with everything at its limit needs 5 KiB */
	MANAGE_IDLE_MS = 60000,       /* then the manage worker ends */
	TRANSPORT_IDLE_MS = 300000,   /* the same while a transport key is open: it would die */
	UNWRAPPED_MAX = 512,          /* bytes of a packed answer to an unwrap */
	MEASURE_EVERY = 4096,         /* jobs */
	GENERATE_TIMES = 10,          /* a slow token needs minutes for RSA-4096 */
};

struct batch {
	struct arena arena;          /* locked: a wrap job carries its CEK */
	struct mmsghdr header[BATCH];
	struct iovec iov[BATCH];
	unsigned n;
	size_t size;
};

uint64_t loop_memory(const struct loop *loop)
{
	char text[128];
	unsigned long total, resident;
	ssize_t n = loop->statm < 0 ? -1 : pread(loop->statm, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%lu %lu", &total, &resident) != 2)
		return 0;
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int batch_init(struct batch *batch, bool manage)
{
	int r;

	memset(batch, 0, sizeof(*batch));
	batch->n = manage ? 1 : BATCH;
	batch->size = manage ? DGRAM_MAX : JOB_MAX;
	r = arena_init(&batch->arena, batch->n * batch->size);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < batch->n; i++) {
		batch->iov[i].iov_base = arena_alloc(&batch->arena, batch->size);
		batch->iov[i].iov_len = batch->size;
		batch->header[i].msg_hdr.msg_iov = &batch->iov[i];
		batch->header[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

static int send_result(struct loop *loop, Cek__Internal__V1__JobResult *result)
{
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = result;
	return dgram_send(loop->jobs, &message.base, NULL, 0);
}

/* The answer to an unwrap, without protobuf-c's two walks over all that a result may hold. */
static int send_unwrapped(struct loop *loop, struct worker *worker, Cek__Internal__V1__JobResult *result)
{
	uint8_t *packed = arena_alloc(&worker->arena, UNWRAPPED_MAX), *body;
	struct put put = { .at = packed, .room = packed ? UNWRAPPED_MAX : 0 };
	size_t len;
	ssize_t sent;

	body = put_begin(&put, CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT);
	put_number(&put, 1, result->id);
	put_number(&put, 2, result->outcome);
	put_text(&put, 3, result->text);
	put_bytes(&put, 4, &result->cek);
	put_number(&put, 7, result->memory);
	put_number(&put, 19, result->replace != 0);
	put_end(&put, body);
	len = put_finish(&put, packed);
	if (len == 0)
		return send_result(loop, result);
	do {
		sent = send(loop->jobs, packed, len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

struct inventory_context {
	struct loop *loop;
	uint64_t id;
};

static int send_more(void *context, Cek__Internal__V1__JobResult *result)
{
	struct inventory_context *inventory = context;

	result->id = inventory->id;
	return send_result(inventory->loop, result);
}

static int run_manage(struct loop *loop, struct worker *worker, const Cek__Internal__V1__Job *job,
		      Cek__Internal__V1__JobResult *result)
{
	struct inventory_context context = { loop, job->id };

	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_GENERATE:
		hang_enter(GENERATE_TIMES);
		manage_generate(worker, job->generate, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_IMPORT:
		manage_import(worker, job->import, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_ADOPT:
		manage_adopt(worker, job->adopt, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_DESTROY:
		manage_destroy(worker, job->destroy, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_TRANSPORT:
		hang_enter(GENERATE_TIMES);
		manage_transport(worker, job->transport, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_INVENTORY:
		return manage_inventory(worker, send_more, &context, result);
	default:
		return 0;
	}
}

/* The use worker neither makes nor destroys objects. */
static int run_job(struct loop *loop, struct worker *worker, const Cek__Internal__V1__Job *job,
		   Cek__Internal__V1__JobResult *result)
{
	switch (job->op_case) {
	case CEK__INTERNAL__V1__JOB__OP_UNWRAP:
		job_unwrap(worker, job->unwrap, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_WRAP:
		job_wrap(worker, job->wrap, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_REWRAP:
		job_rewrap(worker, job->rewrap, result);
		return 0;
	case CEK__INTERNAL__V1__JOB__OP_FORGET:
		job_forget(worker, job->forget, result);
		return 0;
	default:
		return loop->manage ? run_manage(loop, worker, job, result) : 0;
	}
}

static void measure(struct loop *loop, Cek__Internal__V1__JobResult *result)
{
	static unsigned jobs;

	if (++jobs % MEASURE_EVERY != 0)
		return;
	result->memory = loop_memory(loop);
	result->replace = loop->memory_limit > 0 && result->memory > loop->memory_limit;
}

static int answer(struct loop *loop, struct worker *worker, const uint8_t *data, size_t len)
{
	Cek__Internal__V1__Job *job = cek__internal__v1__job__unpack(arena_allocator(&worker->arena), len, data);
	Cek__Internal__V1__JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	int r;

	/* Which job it was cannot be told any more; that it was not answered will. */
	if (!job) {
		arena_reset(&worker->arena);
		return -EBADMSG;
	}
	result.id = job->id;
	result.outcome = OUTCOME(UNSUPPORTED);
	hang_enter(1);
	r = run_job(loop, worker, job, &result);
	hang_leave();
	measure(loop, &result);
	if (r == 0 && job->op_case == CEK__INTERNAL__V1__JOB__OP_UNWRAP)
		r = send_unwrapped(loop, worker, &result);
	else if (r == 0)
		r = send_result(loop, &result);
	arena_reset(&worker->arena);
	return r;
}

/* 1 when there are jobs. When the parent has said Drain or is gone, or a manage worker was idle for long, close the way
 * in: what is in the socket is still answered, then the loop reads the end. */
static int wait_for_jobs(struct loop *loop)
{
	struct pollfd fds[] = { { loop->jobs, POLLIN, 0 }, { loop->control, POLLIN, 0 } };
	const int timeout = !loop->manage ? -1 : manage_transport_open() ? TRANSPORT_IDLE_MS : MANAGE_IDLE_MS;
	int n = poll(fds, 2, timeout);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0 || fds[1].revents)
		shutdown(loop->jobs, SHUT_RD);
	if (fds[1].revents)
		loop->control = -1;
	return 0;
}

static int answer_batch(struct loop *loop, struct worker *worker, struct batch *batch, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *data = batch->iov[i].iov_base;
		const size_t len = batch->header[i].msg_len;
		int r;

		if (len == 0)
			return 1;
		if (batch->header[i].msg_hdr.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		r = answer(loop, worker, data, len);
		wipe(data, len);
		if (r == -EPIPE)
			return 1;
		if (r < 0)
			return r;
		if (worker->ending)
			return 1;
	}
	return 0;
}

int loop_run(struct loop *loop, struct worker *worker)
{
	struct batch batch;
	int r = batch_init(&batch, loop->manage);

	while (r == 0) {
		int n = recvmmsg(loop->jobs, batch.header, batch.n, MSG_DONTWAIT, NULL);

		if (n > 0)
			r = answer_batch(loop, worker, &batch, (unsigned)n);
		else if (n == 0)
			r = 1;
		else if (errno == EAGAIN)
			r = wait_for_jobs(loop);
		else if (errno == ECONNRESET)
			r = 1;
		else if (errno != EINTR)
			r = -errno;
	}
	arena_deinit(&batch.arena);
	return r < 0 ? r : 0;
}
