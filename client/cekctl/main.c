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
#include "client/cekctl/console/outcome.h"
#include "client/cekctl/verb_table.h"

enum {
	TIMEOUT_DEFAULT = 60, /* seconds: a network HSM may need half a minute for an RSA-4096 key */
};

/* The row whose words stand at argv; *ret_words is how many words its name has. */
static const struct verb *find_verb(int argc, char **argv, int *ret_words)
{
	for (const struct verb *verb = verb_table; verb->name; verb++) {
		const char *space = strchr(verb->name, ' ');
		size_t first = space ? (size_t)(space - verb->name) : strlen(verb->name);

		if (strlen(argv[0]) != first || strncmp(argv[0], verb->name, first) != 0)
			continue;
		if (!space) {
			*ret_words = 1;
			return verb;
		}
		if (argc > 1 && strcmp(argv[1], space + 1) == 0) {
			*ret_words = 2;
			return verb;
		}
	}
	return NULL;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	int index = 0, words = 0;
	int r = args_parse_global(ctl, verb_table, argc, argv, &index);

	if (r != ARGS_GO)
		return args_exit(r);
	if (index == argc)
		return ctl_usage(ctl, "no verb; see cekctl --help");
	ctl->verb = find_verb(argc - index, argv + index, &words);
	if (!ctl->verb)
		return ctl_usage(ctl, "unknown verb \"%s%s%s\"; see cekctl --help", argv[index],
			argc - index > 1 && argv[index + 1][0] != '-' ? " " : "",
			argc - index > 1 && argv[index + 1][0] != '-' ? argv[index + 1] : "");
	return ctl->verb->run(ctl, argc - index - words + 1, argv + index + words - 1);
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
		if (strcmp(argv[i], "--json") == 0)
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
	struct ctl ctl = {.timeout = TIMEOUT_DEFAULT, .outcome = &outcome};
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
