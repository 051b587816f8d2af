/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

enum {
	EXIT_NOT_STARTED = 127,
	SPARE_FD = 10, /* above the numbers that are put in place below */
};

/* What a terminal or a service manager sends to all processes is for cekd alone, which then ends them in order. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int spawn_raise_files(const struct spawn *what)
{
	struct rlimit limit, higher = {what->files, what->files};

	if (what->files == 0)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	if (limit.rlim_max < what->files && setrlimit(RLIMIT_NOFILE, &higher) == 0)
		return 0;
	if (limit.rlim_max < what->files)
		log_warning("%s gets %llu descriptors instead of %u: raise LimitNOFILE (ulimit -n), or lower "
			    "connections",
			what->name, (unsigned long long)limit.rlim_max, what->files);
	limit.rlim_cur = what->files < limit.rlim_max ? what->files : limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

int spawn_become(const struct account *account)
{
	if (account == NULL)
		return 0;
	if (setgroups(account->n_groups, account->groups) < 0)
		return -1;
	if (setresgid(account->gid, account->gid, account->gid) < 0)
		return -1;
	return setresuid(account->uid, account->uid, account->uid);
}

/* Input and output nowhere, errors to cekd's log, 3 and 4 as promised, all others closed at exec. */
static int arrange_files(const struct spawn *what, int control, int *program)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int spare_control = fcntl(control, F_DUPFD_CLOEXEC, SPARE_FD);
	const int spare_lock = fcntl(what->lock, F_DUPFD_CLOEXEC, SPARE_FD);
	const int spare_program = fcntl(*program, F_DUPFD_CLOEXEC, SPARE_FD);

	if (null < 0 || spare_control < 0 || spare_lock < 0 || spare_program < 0)
		return -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	if (dup2(spare_control, SPAWN_CONTROL) < 0 || dup2(spare_lock, SPAWN_LOCK) < 0)
		return -1;
	*program = spare_program;
	return close_range(SPAWN_LOCK + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* By descriptor, since the path may lie below a directory that is closed to the child's user; a script (valgrind, a
 * wrapper of a test) cannot be opened again by its interpreter that way. */
static void execute(const struct spawn *what, int program)
{
	char *const arguments[] = {(char *)(uintptr_t)what->name, NULL};

	(void)execveat(program, "", arguments, what->environment, AT_EMPTY_PATH);
	if (errno == ENOENT || errno == ENOSYS)
		(void)execve(what->program, arguments, what->environment);
}

static void __attribute__((noreturn)) run_child(const struct spawn *what, int control, int program, pid_t parent)
{
	const char *step = "descriptors";

	reset_signals();
	if (arrange_files(what, control, &program) < 0)
		goto fail;
	step = "limits";
	if (spawn_raise_files(what) < 0)
		goto fail;
	step = "user and groups";
	if (spawn_become(what->account) < 0)
		goto fail;
	step = "signal of the parent's end";
	/* After the change of uid, which clears it; cekd may have died meanwhile. */
	if (prctl(PR_SET_PDEATHSIG, what->orphan) < 0)
		goto fail;
	if (getppid() != parent)
		_exit(EXIT_NOT_STARTED);
	step = what->program;
	execute(what, program);
fail:
	log_error("starting %s: %s: %s", what->name, step, strerror(errno));
	_exit(EXIT_NOT_STARTED);
}

/* What fork(2) does, but for the parent that the child gets. The child executes at once. */
static pid_t fork_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
}

int spawn(const struct spawn *what, int control, pid_t *ret_pid)
{
	const pid_t parent = what->sibling ? getppid() : getpid();
	const int program = what->file >= 0 ? fcntl(what->file, F_DUPFD_CLOEXEC, 0)
					    : open(what->program, O_PATH | O_CLOEXEC);
	pid_t pid;
	int r = 0;

	if (program < 0)
		return -errno;
	pid = what->sibling ? fork_sibling() : fork();
	if (pid < 0)
		r = -errno;
	if (pid == 0)
		run_child(what, control, program, parent);
	(void)close(program);
	if (r == 0)
		*ret_pid = pid;
	return r;
}
