/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cekd-token: one PKCS#11 session and one blocking loop. No arguments: everything comes from cekd on descriptor 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/shared/testhook.h"
#include "daemon/token/algs/ecdh.h"
#include "daemon/token/confine.h"
#include "daemon/token/hang.h"
#include "daemon/token/loop.h"
#include "daemon/token/manage/receipts.h"
#include "daemon/token/news.h"
#include "daemon/token/probe/canary.h"
#include "daemon/token/probe/probe.h"
#include "daemon/token/tell.h"
#include "proto/dgram.h"

enum {
	FDS_MAX = 5,
	ARENA_SIZE = 65536,         /* of a use worker */
	MANAGE_ARENA_SIZE = 524288, /* inventories and wrapped keys are larger */
	SETUP_TIMES = 4,            /* a login is never cut short without need: SoftHSM rewrites token.object in it */
	EXIT_TOKEN = 1,
};

struct start {
	Cek__Internal__V1__Setup *message;
	Cek__Internal__V1__TokenSetup *token;
	int fds[FDS_MAX];
	size_t n_fds;
};

static int receive_setup(struct start *ret_start)
{
	uint8_t *buffer = malloc(DGRAM_MAX);
	ssize_t n;

	if (!buffer)
		return log_origin(-ENOMEM);
	n = dgram_recv(TELL_CONTROL, 0, buffer, DGRAM_MAX, ret_start->fds, FDS_MAX, &ret_start->n_fds);
	ret_start->message = n > 0 ? cek__internal__v1__setup__unpack(NULL, (size_t)n, buffer) : NULL;
	free(buffer);
	if (n < 0)
		return log_origin((int)n);
	if (!ret_start->message || ret_start->message->role_case != CEK__INTERNAL__V1__SETUP__ROLE_TOKEN ||
		ret_start->n_fds < 2)
		return log_origin(-EPROTO);
	ret_start->token = ret_start->message->token;
	return 0;
}

/* Descriptors: the jobs, the page of executing.h, the key of the receipts if it needs them, the test page if there is
 * one. */
static int take_descriptors(const struct start *start, struct loop *loop)
{
	int flags, r = 0;

#ifdef CEK_TEST_HOOKS
	const size_t before = start->token->receipts ? 3 : 2;

	if (start->message->test_clock && start->n_fds > before)
		r = testhook_map(start->fds[before]);
	if (r < 0)
		return log_origin(r);
#endif
	loop->control = loop->pin.control = TELL_CONTROL;
	loop->pin.hear = &loop->hear;
	hear_init(&loop->hear, start->token->manage);
	loop->jobs = start->fds[0];
	loop->executing = executing_map(start->fds[1]);
	if (!loop->executing)
		return log_origin(-errno);
	close(start->fds[1]);
	loop->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	loop->manage = start->token->manage;
	loop->memory_limit = start->token->memory_limit;
	if (start->token->receipts)
		r = start->n_fds > 2 ? receipts_open(start->fds[2]) : log_origin(-EPROTO);
	if (r < 0)
		return r;
	flags = fcntl(loop->jobs, F_GETFL);
	return flags < 0 || fcntl(loop->jobs, F_SETFL, flags & ~O_NONBLOCK) < 0 ? log_origin(-errno) : 0;
}

static void tell_result(enum session_result result, const struct session *session)
{
	switch (result) {
	case SESSION_OK:
		break;
	case SESSION_CONFIGURATION:
		tell_failing(CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION, session->why);
		break;
	case SESSION_PIN:
		tell_failing(CEK__INTERNAL__V1__FAILING__CLASS__PIN, session->why);
		break;
	case SESSION_TOKEN:
		tell_failing(CEK__INTERNAL__V1__FAILING__CLASS__TOKEN,
			session->why[0] ? session->why : "token: it does not answer");
		break;
	}
}

static int open_token(struct worker *worker, const struct session_config *config)
{
	enum session_result result;
	CK_RV rv;

	hang_enter(SETUP_TIMES);
	result = session_open(&worker->token.session, config);
	if (result == SESSION_OK) {
		rv = probe_run(&worker->token);
		if (rv != CKR_OK)
			result = SESSION_TOKEN;
	}
	hang_leave();
	tell_result(result, &worker->token.session);
	return result == SESSION_OK ? 0 : -EIO;
}

static int send_hello(struct loop *loop, struct worker *worker, const char *sandbox)
{
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	Cek__Internal__V1__WorkerHello hello = CEK__INTERNAL__V1__WORKER_HELLO__INIT;
	struct news news;
	int r;

	news_fill(&worker->token, &news);
	hello.token_label = worker->token.session.label;
	hello.token_serial = worker->token.session.serial;
	hello.token_model = worker->token.session.model;
	hello.module = worker->token.session.module;
	hello.n_alg = news.n;
	hello.alg = news.row;
	hello.sandbox = (char *)(uintptr_t)sandbox;
	hello.memory = loop_memory(loop);
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO;
	message.hello = &hello;
	r = dgram_send(loop->jobs, &message.base, NULL, 0);
	arena_reset(&worker->token.arena);
	return r < 0 && r != -EPIPE ? log_origin(r) : r;
}

/*
 * SoftHSM writes a line to syslog for each ciphertext that it cannot decrypt. Peers could fill the log with that, the
 * worker would wait for a slow log daemon, and the time that it takes tells such failures from others. What a module
 * says while it is opened still gets there; afterwards cekd reports what it answers.
 */
static void quieten_module(void)
{
	setlogmask(LOG_UPTO(LOG_CRIT));
}

/* Before there is any code of the module: its threads too are inside. */
static int enter_sandbox(const struct start *start, struct session_config *config, char *report, size_t size)
{
	const struct confine confine = {
		.mode = start->message->sandbox,
		.module = start->token->module,
		.init_reserved = start->token->init_reserved,
		.environment = environ,
		.paths = start->token->path,
		.n_paths = start->token->n_path,
		.own_uid = start->token->own_uid,
	};
	int r = confine_enter(&confine, report, size);

	if (r < 0)
		tell_failing(CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION, report);
	config->spare = !start->token->own_uid;
	return r;
}

/* cekd --check: all that comes before a login, and nothing of it. */
static int check(struct session *session, const struct session_config *config, const char *sandbox)
{
	enum session_result result;

	hang_enter(1);
	result = session_look(session, config);
	hang_leave();
	tell_result(result, session);
	if (result != SESSION_OK)
		return -EIO;
	tell_checked(session, sandbox);
	return 0;
}

static int serve(struct loop *loop, struct worker *worker, const char *sandbox)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Ready ready = CEK__INTERNAL__V1__READY__INIT;
	int r = send_hello(loop, worker, sandbox);

	if (r < 0)
		return r;
	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_READY;
	control.ready = &ready;
	tell_cekd(&control);
	if (!loop->manage)
		quieten_module();
	r = loop_run(loop, worker);
	if (worker->ending)
		tell_failing(worker->pin_refused ? CEK__INTERNAL__V1__FAILING__CLASS__PIN
						 : CEK__INTERNAL__V1__FAILING__CLASS__TOKEN,
			worker->why);
	return worker->ending ? -EIO : r;
}

int main(void)
{
	static struct worker worker;
	struct start start = {0};
	struct session_config config = {0};
	struct loop loop = {0};
	char sandbox[200];
	int r;

	log_open("cekd-token");
	signal(SIGPIPE, SIG_IGN);
	r = receive_setup(&start);
	if (r == 0)
		r = take_descriptors(&start, &loop);
	if (r == 0)
		r = hang_init(start.token->call_seconds, loop.executing);
	if (r == 0) {
		r = arena_init(&worker.token.arena, start.token->manage ? MANAGE_ARENA_SIZE : ARENA_SIZE);
		if (r < 0)
			log_origin(r);
	}
	if (r == 0)
		r = canary_init(&worker);
	if (r < 0)
		return EXIT_TOKEN;
	if (!worker.token.arena.locked)
		log_warning("memory for CEKs cannot be locked; raise the limit (LimitMEMLOCK=, ulimit -l)");
	config.module = start.token->module;
	config.uri = start.token->uri;
	config.init_reserved = start.token->init_reserved;
	config.executing = loop.executing;
	config.begin_login = ask_pin;
	config.end_login = ask_pin_done;
	config.owner = &loop.pin;
	worker.keys.finder.session = &worker.token.session;
	worker.keys.finder.compare = ecdh_compare;
	worker.keys.finder.context = &worker.token;
	worker.keys.copy = start.token->copy_keys && !start.token->manage;
	r = enter_sandbox(&start, &config, sandbox, sizeof(sandbox));
	if (r < 0)
		return EXIT_TOKEN;
	r = start.token->check ? check(&worker.token.session, &config, sandbox) : open_token(&worker, &config);
	if (r == 0 && !start.token->check)
		r = serve(&loop, &worker, sandbox);
	hang_enter(1);
	session_close(&worker.token.session);
	_exit(r < 0 ? EXIT_TOKEN : 0);
}
