/* cekd: the parent of the processes that do the work (cekd(8)). */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/config/load.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/supervisor.h"
#include "daemon/shared/sandbox.h"
#include "daemon/shared/testhook.h"
#include "proto/dgram.h"

struct options {
	const char *config;
	const char *programs;
	const char *test_page;
	bool check;
};

static void usage(FILE *out)
{
	(void)fputs("usage: cekd [-c FILE] [--check] [--programs DIRECTORY]\n"
	            "\n"
	            "  -c, --config FILE       configuration (" CEKD_CONF ")\n"
	            "      --check             read and check the configuration, then exit\n"
	            "      --programs DIRECTORY where cekd-broker, cekd-token and cekd-journal are (" CEKD_PROGRAM_DIR ")\n"
#ifdef CEK_TEST_HOOKS
	            "      --test-page FILE    share this file's first page with the tests\n"
#endif
	            "  -h, --help\n"
	            "      --version\n"
	            "\n"
	            "cekd stays in the foreground and logs to standard error. See cekd(8).\n",
	            out);
}

static void parse_options(int argc, char **argv, struct options *ret_options)
{
	enum { OPTION_CHECK = 256, OPTION_PROGRAMS, OPTION_TEST_PAGE, OPTION_VERSION };
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"programs", required_argument, NULL, OPTION_PROGRAMS},
#ifdef CEK_TEST_HOOKS
		{"test-page", required_argument, NULL, OPTION_TEST_PAGE},
#endif
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, OPTION_VERSION},
		{0},
	};
	int c;

	*ret_options = (struct options){.config = CEKD_CONF, .programs = CEKD_PROGRAM_DIR};
	while ((c = getopt_long(argc, argv, "c:h", known, NULL)) >= 0)
		switch (c) {
		case 'c':
			ret_options->config = optarg;
			break;
		case OPTION_CHECK:
			ret_options->check = true;
			break;
		case OPTION_PROGRAMS:
			ret_options->programs = optarg;
			break;
		case OPTION_TEST_PAGE:
			ret_options->test_page = optarg;
			break;
		case OPTION_VERSION:
			(void)puts("cekd " CEK_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(2);
		}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

/* Descriptors 0 to 2 are taken, so that none of ours becomes the log. */
static int occupy_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	(void)close(fd);
	return 0;
}

static int open_test_page(const char *path, int *ret_fd)
{
#ifdef CEK_TEST_HOOKS
	int fd, r;

	if (path == NULL)
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC);
	r = fd < 0 ? -errno : testhook_map(fd);
	if (r < 0) {
		log_error("%s: %s", path, strerror(-r));
		return r;
	}
	*ret_fd = fd;
#else
	(void)path;
	(void)ret_fd;
#endif
	return 0;
}

static void on_signal(int number, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)what;
	if (number == SIGCHLD)
		supervisor_reap(supervisor);
	else if (number == SIGHUP)
		supervisor_reload(supervisor);
	else
		supervisor_stop(supervisor);
}

static void on_timer(int fd, short what, void *data)
{
	(void)fd;
	(void)what;
	supervisor_step(data);
}

enum {
	N_SIGNALS = 4,
};

static int watch_signals(struct supervisor *supervisor, struct event *ret_events[N_SIGNALS])
{
	static const int numbers[N_SIGNALS] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		if (numbers[i] != SIGCHLD)
			(void)signal(numbers[i], SIG_IGN); /* in force again when the event is gone, until the sockets are */
		ret_events[i] = evsignal_new(supervisor->base, numbers[i], on_signal, supervisor);
		if (ret_events[i] == NULL || evsignal_add(ret_events[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int enter_sandbox(const struct config *config)
{
	char report[160];
	const int r = sandbox_enter(SANDBOX_PARENT, config->sandbox, NULL, report, sizeof(report));

	if (r < 0)
		log_error("sandbox = \"required\" cannot be met: %s", report);
	return r;
}

static int run(struct supervisor *supervisor)
{
	struct event *signals[N_SIGNALS] = {0};
	int r = -ENOMEM;

	supervisor->base = event_base_new();
	if (supervisor->base != NULL)
		supervisor->timer = evtimer_new(supervisor->base, on_timer, supervisor);
	if (supervisor->timer != NULL)
		r = watch_signals(supervisor, signals);
	if (r == 0)
		r = enter_sandbox(supervisor->config);
	if (r == 0) {
		supervisor_step(supervisor);
		r = event_base_dispatch(supervisor->base) < 0 ? -EIO : 0;
	}
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (signals[i] != NULL)
			event_free(signals[i]);
	if (supervisor->timer != NULL)
		event_free(supervisor->timer);
	if (supervisor->stop_timer != NULL)
		event_free(supervisor->stop_timer);
	if (supervisor->base != NULL)
		event_base_free(supervisor->base);
	return r;
}

static void init_children(struct supervisor *supervisor)
{
	child_init(&supervisor->journal, supervisor, CHILD_JOURNAL, false, 0);
	child_init(&supervisor->broker, supervisor, CHILD_BROKER, false, 0);
	child_init(&supervisor->manage, supervisor, CHILD_WORKER, true, 0);
	for (unsigned i = 0; i < supervisor->config->workers; i++)
		for (size_t j = 0; j < 2; j++)
			child_init(&supervisor->slots[i].child[j], supervisor, CHILD_WORKER, false, i);
}

/* What others may hold is taken first: the state directory, then the sockets. */
static int open_and_run(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	int r = state_open(config->state_directory, config->split_uids, &supervisor->state);

	if (r < 0)
		return r;
	r = listeners_open(config->listeners, config->n_listeners, &supervisor->listeners);
	if (r == 0) {
		r = dgram_pair(supervisor->journal_pair);
		if (r == 0) {
			r = run(supervisor);
			(void)close(supervisor->journal_pair[0]);
			(void)close(supervisor->journal_pair[1]);
		}
		listeners_close(&supervisor->listeners);
	}
	state_close(&supervisor->state);
	return r;
}

/* What open_and_run() would find out. r: what is known already. */
static int check_paths(const struct config *config, int r)
{
	if (state_check(config->state_directory) < 0)
		r = -EINVAL;
	return listeners_check(config->listeners, config->n_listeners) < 0 ? -EINVAL : r;
}

int main(int argc, char **argv)
{
	static struct supervisor supervisor = {.test_page = -1};
	char error[CONFIG_ERROR_MAX];
	struct options options;
	int r;

	if (occupy_standard_files() < 0)
		return EXIT_FAILURE;
	log_open("cekd");
	parse_options(argc, argv, &options);
	supervisor.config_path = options.config;
	supervisor.programs = options.programs;
	if (config_load(options.config, geteuid() == 0, &supervisor.config, error) < 0) {
		log_error("%s", error);
		return EXIT_FAILURE;
	}
	r = logins_check_pin(supervisor.config->pin_file);
	if (options.check)
		r = check_paths(supervisor.config, r);
	if (r < 0 || options.check) {
		supervisor.config = config_free(supervisor.config);
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	notify_open();
	init_children(&supervisor);
	r = open_test_page(options.test_page, &supervisor.test_page);
	if (r == 0)
		r = open_and_run(&supervisor);
	supervisor.config = config_free(supervisor.config);
	return r < 0 ? EXIT_FAILURE : supervisor.exit_status;
}
