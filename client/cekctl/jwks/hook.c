/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/jwks/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a service manager would start it: no signal blocked or ignored, a process group of its own. */
static int spawn(const struct hook *hook, pid_t *ret_pid)
{
	char *const argv[] = {(char *)(uintptr_t)hook->program, (char *)(uintptr_t)hook->file, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	r = posix_spawn(ret_pid, hook->program, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static bool fail(const struct hook *hook, char fault[HOOK_FAULT], const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool fail(const struct hook *hook, char fault[HOOK_FAULT], const char *format, ...)
{
	int n = snprintf(fault, HOOK_FAULT, "%.128s: ", hook->program);
	va_list args;

	va_start(args, format);
	vsnprintf(fault + n, HOOK_FAULT - (size_t)n, format, args);
	va_end(args);
	return false;
}

bool hook_changed(struct hook *hook, uint64_t now, char fault[HOOK_FAULT])
{
	int r;

	if (!hook->program)
		return true;
	hook->again = hook->pid > 0;
	if (hook->again)
		return true;
	r = spawn(hook, &hook->pid);
	if (r != 0) {
		hook->pid = 0;
		return fail(hook, fault, "%s", strerror(r));
	}
	hook->fd = pidfd_open(hook->pid, 0);
	hook->killed = now + HOOK_SECONDS * UINT64_C(1000000);
	if (hook->fd >= 0)
		return true;
	r = errno;
	hook_stop(hook);
	return fail(hook, fault, "%s", strerror(r));
}

static void reap(struct hook *hook, int *ret_status)
{
	while (waitpid(hook->pid, ret_status, 0) < 0 && errno == EINTR)
		;
	if (hook->fd >= 0)
		close(hook->fd);
	hook->fd = -1;
	hook->pid = 0;
}

bool hook_look(struct hook *hook, uint64_t now, char fault[HOOK_FAULT])
{
	bool ended, late;
	int status = 0;

	if (hook->pid == 0)
		return true;
	ended = poll(&(struct pollfd){.fd = hook->fd, .events = POLLIN}, 1, 0) == 1;
	late = !ended && now >= hook->killed;
	if (!ended && !late)
		return true;
	if (late)
		kill(-hook->pid, SIGKILL);
	reap(hook, &status);
	/* it may have ended by itself at the last moment */
	if (late && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return fail(hook, fault, "killed: it took longer than %d seconds", HOOK_SECONDS);
	if (WIFSIGNALED(status))
		return fail(hook, fault, "died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return fail(hook, fault, "exit status %d", WEXITSTATUS(status));
	return true;
}

void hook_stop(struct hook *hook)
{
	int status;

	if (hook->pid == 0)
		return;
	kill(-hook->pid, SIGKILL);
	reap(hook, &status);
}
