/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl: operations on cekd. Finds the verb, runs it, and turns what happened into an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/cek.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/console/find.h"
#include "client/cekctl/console/help.h"
#include "client/cekctl/console/outcome.h"
#include "client/cekctl/verb_table.h"

enum {
	TIMEOUT_DEFAULT = 60, /* seconds: a network HSM may need half a minute for an RSA-4096 key */
};

/* "cekctl key": its verbs. Only --help asks for them; else something is missing. */
static int show_group(struct ctl *ctl, const char *group, bool asked)
{
	FILE *to = asked ? stdout : stderr;

	if (!asked)
		ctl_usage(ctl, "which of these? See cekctl help %s", group);
	if (ctl->json)
		return EXIT_USAGE;
	help_verbs(to, verb_table, group);
	return asked ? EXIT_SUCCESS : EXIT_USAGE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	int index = 0, words = 0;
	int r = args_parse_global(ctl, argc, argv, &index);

	if (r != ARGS_GO)
		return args_exit(r);
	argv += index;
	argc -= index;
	if (argc == 0) {
		if (!ctl->json) /* a program does not read it */
			args_help(ctl, stderr);
		return ctl_usage(ctl, "no verb; see cekctl --help");
	}
	ctl->verb = find_verb(verb_table, argc, argv, &words);
	if (ctl->verb)
		return ctl->verb->run(ctl, argc - words + 1, argv + words - 1);
	if (find_group(verb_table, argv[0]) &&
		(argc == 1 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return show_group(ctl, argv[0], argc > 1);
	return find_nothing(ctl, verb_table, argc, argv);
}

/* A standard descriptor that is closed would be given to the next socket, and a CEK or a message written into that. Its
 * place is taken by one that fails as a closed one does. */
static bool hold_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

/* Before the command line is understood, a word of it says whether its error shall be JSON. */
static bool asks_for_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--output=json") == 0 ||
			(strcmp(argv[i], "--output") == 0 && argv[i + 1] && strcmp(argv[i + 1], "json") == 0))
			return true;
	return false;
}

/* The answer and the error of --json; what stdio has kept back until now counts as well. */
static int finish_output(struct ctl *ctl, bool json, int status)
{
	bool printed = outcome_print(ctl->outcome, json, status);

	ctl->outcome = NULL;
	errno = 0;
	if ((fflush(stdout) == 0 && !ferror(stdout) && printed) || status != EXIT_SUCCESS)
		return status;
	return ctl_fail(ctl, "cannot write to standard output%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
}

int main(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	struct outcome outcome = {0};
	struct ctl ctl = {.verbs = verb_table, .timeout = TIMEOUT_DEFAULT, .outcome = &outcome};
	int status;

	if (!hold_standard_fds())
		return EXIT_FAILURE;
	setrlimit(RLIMIT_CORE, &none); /* CEKs, PINs and private keys pass through */
	signal(SIGPIPE, SIG_IGN);      /* a closed pipe is an error to report, not a death without a word */
	status = run(&ctl, argc, argv);
	ctl.conn = cek_conn_free(ctl.conn);
	status = finish_output(&ctl, ctl.json || asks_for_json(argc, argv), status);
	if (ctl.exit_now)
		_exit(status);
	return status;
}
