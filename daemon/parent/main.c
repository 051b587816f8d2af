/* SPDX-License-Identifier: Apache-2.0 */
/* cekd: the parent of the processes that do the work (cekd(8)). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/check.h"
#include "daemon/parent/check_say.h"
#include "daemon/parent/config/load.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/module.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/inherit.h"
#include "daemon/parent/supervisor.h"
#include "daemon/parent/take_over.h"
#include "daemon/shared/testhook.h"

struct options {
	const char *config;
	const char *programs;
	const char *test_page;
	bool check;
	bool take_over;
};

static void usage(FILE *out)
{
	(void)fputs("usage: cekd [-c FILE] [--check] [--programs DIRECTORY]\n"
		    "\n"
		    "  -c, --config FILE       configuration (" CEKD_CONF ")\n"
		    "      --check             say what a start would find, then exit\n"
		    "      --programs DIRECTORY where cekd-broker, cekd-token and cekd-journal are (" CEKD_PROGRAM_DIR
		    ")\n"
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
	enum { OPTION_CHECK = 256, OPTION_PROGRAMS, OPTION_TAKE_OVER, OPTION_TEST_PAGE, OPTION_VERSION };
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"programs", required_argument, NULL, OPTION_PROGRAMS},
		{"take-over", no_argument, NULL, OPTION_TAKE_OVER}, /* cekd calls itself so */
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
		case OPTION_TAKE_OVER:
			ret_options->take_over = true;
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

static int check(const struct supervisor_options *wanted)
{
	const struct check_options options = {
		.config_path = wanted->config_path,
		.config = wanted->config,
		.programs = wanted->programs,
	};

	return check_run(&options) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Where this program is installed, to hand over to what is installed there by then. */
static const char *own_program(const char *name, char path[PATH_MAX])
{
	if (strchr(name, '/') != NULL && realpath(name, path) != NULL)
		return path;
	const ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[len > 0 ? len : 0] = '\0';
	return path;
}

/* NULL without memory. An heir is called as this one was, but for the option that says so, which comes last. */
static char **arguments_of_heir(int argc, char **argv)
{
	static char option[] = "--take-over";
	char **arguments = calloc((size_t)argc + 2, sizeof(*arguments));
	size_t n = 0;

	for (int i = 0; arguments != NULL && i < argc; i++)
		if (strcmp(argv[i], option) != 0)
			arguments[n++] = argv[i];
	if (arguments != NULL)
		arguments[n] = option;
	return arguments;
}

static int load(const struct options *options, struct inheritance *inheritance, struct config **ret_config)
{
	const bool root = geteuid() == 0;
	char error[CONFIG_ERROR_MAX];
	int r = 0;

	if (inheritance == NULL) {
		r = config_load(options->config, root, ret_config, error);
	} else {
		if (inheritance->heir)
			r = config_copy(options->config, &inheritance->config, error);
		if (r == 0)
			r = config_parse_copy(inheritance->config, options->config, root, ret_config, error);
	}
	if (r < 0)
		log_error("%s", error);
	if (r < 0 && inheritance != NULL && inheritance->heir)
		take_over_fail(CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION, error);
	return r;
}

static int run(const struct options *options, struct supervisor_options *wanted)
{
	const struct inheritance *inheritance = wanted->inheritance;
	int status = EXIT_FAILURE;

	if (open_test_page(options->test_page, &wanted->test_page) == 0)
		status = supervisor_run(wanted);
	if (inheritance != NULL && inheritance->heir)
		take_over_fail(CEK__INTERNAL__V1__FAILING__CLASS__CONFIGURATION,
			"what it needs cannot be taken: the lines before say why");
	return status;
}

/* Whoever takes over goes on whatever has become of PIN file and module: the workers are logged in. */
static int start(const struct options *options, struct supervisor_options *wanted)
{
	struct stat pin;

	const int pin_result = logins_check_pin(wanted->config->pin_file, &pin);
	const int module_result = module_check(wanted->config->module);

	if ((pin_result < 0 || module_result < 0) && !options->take_over)
		return EXIT_FAILURE;
	notify_open();
	return run(options, wanted);
}

int main(int argc, char **argv)
{
	static struct inheritance inheritance;
	static struct supervisor_options wanted = {.test_page = -1};
	char program[PATH_MAX];
	struct options options;
	int status;

	if (occupy_standard_files() < 0)
		return EXIT_FAILURE;
	log_open("cekd");
	wanted.arguments = arguments_of_heir(argc, argv);
	parse_options(argc, argv, &options);
	wanted.config_path = options.config;
	wanted.programs = options.programs;
	wanted.program = own_program(argv[0], program);
	if (options.take_over)
		wanted.inheritance = &inheritance;
	if (options.take_over && inherit_read(&inheritance) < 0)
		return EXIT_FAILURE;
	status = load(&options, wanted.inheritance, &wanted.config);
	if (status < 0 && options.check)
		check_say(status, "configuration", "");
	if (status < 0)
		return EXIT_FAILURE;
	status = options.check ? check(&wanted) : start(&options, &wanted);
	wanted.config = config_free(wanted.config);
	free(wanted.arguments);
	return status;
}
