/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that has been taken over, against the loop of a worker: what reads jobs, runs them in their order and
 * answers. The token is not there; what stands for it looks whether a job may come to this worker at all, and each job
 * that was run is answered once, in order, before the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/token/hang.h"
#include "daemon/token/loop.h"
#include "daemon/token/news.h"
#include "daemon/token/probe/judge.h"
#include "daemon/token/probe/probe.h"
#include "daemon/token/run.h"
#include "daemon/token/tell.h"
#include "proto/dgram.h"
#include "tests/fuzz/script.h"

typedef Cek__Internal__V1__FromWorker FromWorker;
typedef Cek__Internal__V1__JobResult JobResult;

enum {
	INPUT_MAX = 768, /* so that all answers fit into the pair: nobody reads them meanwhile */
	RUN_MAX = 1024,
	JOBS_OF_ONE = 4,
};

static struct executing executing;
static struct worker worker;
static struct script script;
static uint64_t run[RUN_MAX];
static size_t n_run, n_answered;
static bool manager, accused;

/* ---- what the loop uses of a worker ----------------------------------------------------------------------------- */

int run_job(struct worker *of, bool manage, const Cek__Internal__V1__Job *job, manage_send *send, void *context,
	JobResult *ret_result)
{
	const bool for_manager = job->op_case >= CEK__INTERNAL__V1__JOB__OP_GENERATE;

	if (accused || job->id == 0 || manage != manager || for_manager != manager ||
		job->op_case == CEK__INTERNAL__V1__JOB__OP__NOT_SET || executing.job != job->id || n_run == RUN_MAX)
		abort();
	run[n_run++] = job->id;
	ret_result->outcome = CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK;
	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_UNWRAP && job->unwrap->cek_len <= 64)
		ret_result->cek = (ProtobufCBinaryData){.len = job->unwrap->cek_len, .data = of->token.arena.base};
	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_INVENTORY) {
		JobResult part = CEK__INTERNAL__V1__JOB_RESULT__INIT;

		part.id = job->id;
		part.more = true;
		if (send(context, &part) < 0)
			return -EPIPE;
	}
	of->ending = job->op_case == CEK__INTERNAL__V1__JOB__OP_WRAP && job->wrap->cek_len == 5;
	return 0;
}

void tell_broke(bool cekd, const char *how)
{
	if (cekd || accused || strlen(how) == 0)
		abort();
	accused = true;
}

void tell_cekd(Cek__Internal__V1__Control *control)
{
	(void)control;
	abort();
}

int news_send(int fd, struct token *token)
{
	(void)fd;
	(void)token;
	return 0;
}

void probe_again(struct worker *of)
{
	(void)of;
}

uint64_t facts_wait_us(const struct facts *facts)
{
	(void)facts;
	return UINT64_MAX;
}

bool manage_transport_open(void)
{
	return false;
}

void hang_enter(unsigned times)
{
	(void)times;
}

void hang_leave(void) {}

/* ---- the answers ------------------------------------------------------------------------------------------------- */

static void check_result(const JobResult *result)
{
	if (n_answered == n_run || result->id != run[n_answered])
		abort();
	n_answered += !result->more;
}

static bool check_answer(int fd)
{
	static uint8_t buffer[DGRAM_MAX];
	const ssize_t len = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	FromWorker *message = len > 0 ? cek__internal__v1__from_worker__unpack(NULL, (size_t)len, buffer) : NULL;

	if (len <= 0)
		return false;
	if (!message)
		abort();
	if (message->what_case == CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT)
		check_result(message->result);
	for (size_t i = 0;
		message->what_case == CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS && i < message->results->n_result;
		i++)
		check_result(message->results->result[i]);
	cek__internal__v1__from_worker__free_unpacked(message, NULL);
	return true;
}

/* ---- the script -------------------------------------------------------------------------------------------------- */

/* Job.id comes first, as brokers pack it, and the operation is one that there is; or a message as the script has it. */
static size_t put_job(uint8_t *to)
{
	static const uint8_t operations[] = {10, 11, 12, 13, 20, 21, 22, 23, 24, 25};
	const uint8_t id = script_next(&script);
	const uint8_t what = script_next(&script);

	if (what >= 0xf0)
		return script_message(&script, &cek__internal__v1__job__descriptor, to);
	to[0] = 1 << 3;
	to[1] = id & 0x7f;
	return 2 +
		script_outer(&script, &cek__internal__v1__job__descriptor,
			operations[(what & 0xf) % sizeof(operations)], to + 2);
}

static void send_jobs(int fd, unsigned n)
{
	static uint8_t datagram[JOBS_OF_ONE * (SCRIPT_MESSAGE_MAX + 8)], job[SCRIPT_MESSAGE_MAX + 8];
	size_t len = 0;

	for (; n > 0; n--) {
		const size_t size = put_job(job);

		datagram[len++] = 1 << 3 | 2;
		if (size >= 0x80)
			datagram[len++] = (uint8_t)(size | 0x80);
		datagram[len++] = (uint8_t)(size >= 0x80 ? size >> 7 : size);
		memcpy(datagram + len, job, size);
		len += size;
	}
	(void)send(fd, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void fill(int fd)
{
	while (script.left > 0) {
		const uint8_t what = script_next(&script);

		if (what >= 0xf0) /* no message, or one that happens to be */
			(void)script_send(&script, fd, &cek__internal__v1__to_worker__descriptor, what & 1, 0);
		else
			send_jobs(fd, 1 + what % JOBS_OF_ONE);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return arena_init(&worker.token.arena, 65536) < 0 ? 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop loop = {.control = -1, .executing = &executing, .statm = -1};
	int pair[2], r;

	if (size > INPUT_MAX || dgram_pair(pair) < 0)
		return 0;
	script = (struct script){.at = data, .left = size};
	manager = loop.manage = script_next(&script) & 1;
	hear_init(&loop.hear, manager);
	loop.jobs = pair[0];
	worker.ending = accused = false;
	n_run = n_answered = 0;
	fill(pair[1]);
	(void)shutdown(pair[1], SHUT_WR);
	r = loop_run(&loop, &worker);
	if (accused != (r == -EBADMSG))
		abort();
	while (check_answer(pair[1]))
		continue;
	if (n_answered != n_run || worker.token.arena.used > 0)
		abort();
	close(pair[0]);
	close(pair[1]);
	return 0;
}
