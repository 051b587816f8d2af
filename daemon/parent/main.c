/* SPDX-License-Identifier: Apache-2.0 */
/* cekd: the parent of the processes that do the work (cekd(8)). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/parent/check.h"
#include "daemon/parent/config/load.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/notify.h"
#include "daemon/parent/supervisor.h"
#include "daemon/shared/testhook.h"

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

static int check(const struct supervisor_options *wanted)
{
	const struct check_options options = {
		.config_path = wanted->config_path,
		.config = wanted->config,
		.programs = wanted->programs,
	};

	return check_run(&options) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int start(struct supervisor_options *wanted, const char *test_page)
{
	struct stat pin;

	if (logins_check_pin(wanted->config->pin_file, &pin) < 0)
		return EXIT_FAILURE;
	notify_open();
	return open_test_page(test_page, &wanted->test_page) == 0 ? supervisor_run(wanted) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct supervisor_options wanted = {.test_page = -1};
	char error[CONFIG_ERROR_MAX];
	struct options options;
	int status;

	if (occupy_standard_files() < 0)
		return EXIT_FAILURE;
	log_open("cekd");
	parse_options(argc, argv, &options);
	wanted.config_path = options.config;
	wanted.programs = options.programs;
	if (config_load(options.config, geteuid() == 0, &wanted.config, error) < 0) {
		log_error("%s", error);
		return EXIT_FAILURE;
	}
	status = options.check ? check(&wanted) : start(&wanted, options.test_page);
	wanted.config = config_free(wanted.config);
	return status;
}
