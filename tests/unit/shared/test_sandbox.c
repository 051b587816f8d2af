/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/shared/sandbox.h"

static char report[200];
static char directory[] = "/tmp/test_sandbox-XXXXXX";
static const char *mode = "auto";

/* Run f in a child inside the sandbox of role; the status of waitpid(2). */
static int inside(enum sandbox_role role, const struct sandbox_path *paths, int (*f)(void))
{
	const pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(role, mode, paths, report, sizeof(report)) < 0)
			_exit(99);
		_exit(f());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Sanitizers and valgrind get a sandbox that holds nothing; then only that is tested. */
static bool reduced(void)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)sandbox_enter(SANDBOX_PARENT, "auto", NULL, report, sizeof(report));
		_exit(strncmp(report, "reduced: ", 9) == 0);
	}
	(void)waitpid(pid, &status, 0);
	return WEXITSTATUS(status) != 0;
}

static void assert_exit(int status, int expected)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
		fail_msg("exit %d was expected, the status is %#x", expected, (unsigned)status);
}

static void assert_killed(int status)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("SIGSYS was expected, the status is %#x", (unsigned)status);
}

/* The children return errno of what they tried, 0 if it went well. */

static int open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int execute(void)
{
	char *const arguments[] = {(char *)(uintptr_t) "true", NULL};

	(void)execve("/bin/true", arguments, arguments + 1);
	return errno;
}

static int trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static int map_executable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int map_plain(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int signal_parent(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int spawn_process(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

/* As a caller that knows of no C library would; a child ends at once. */
static int raw_clone(unsigned long flags)
{
	const long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int new_namespace(void)
{
	static const unsigned long flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC,
		CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWUSER | CLONE_NEWNET};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (raw_clone(flags[i]) != EPERM || (unshare((int)flags[i]) == 0 || errno != EPERM))
			return (int)i + 1;
	return syscall(SYS_clone3, NULL, 0) < 0 ? errno : 0;
}

static int own_descriptor(void)
{
	struct f_owner_ex owner = {.type = F_OWNER_PID, .pid = getppid()};
	int pid = getppid();

	if (fcntl(STDERR_FILENO, F_SETOWN, pid) == 0 || errno != EPERM)
		return 1;
	if (syscall(SYS_fcntl, STDERR_FILENO, 0x700000000 | F_SETOWN, pid) == 0 || errno != EPERM)
		return 2;
	if (fcntl(STDERR_FILENO, F_SETOWN_EX, &owner) == 0 || errno != EPERM)
		return 3;
	if (fcntl(STDERR_FILENO, F_SETSIG, SIGKILL) == 0 || errno != EPERM)
		return 4;
	if (ioctl(STDERR_FILENO, FIOSETOWN, &pid) == 0 || errno != EPERM)
		return 5;
	return fcntl(STDERR_FILENO, F_GETFL) < 0 ? errno : 0;
}

static void *nothing(void *data)
{
	return data;
}

static int start_thread(void)
{
	pthread_t thread;
	const int r = pthread_create(&thread, NULL, nothing, NULL);

	return r != 0 ? r : pthread_join(thread, NULL);
}

static int signal_others(void)
{
	if (signal_parent() != EPERM || kill(0, 0) == 0 || kill(-1, 0) == 0)
		return 1;
	if (syscall(SYS_tkill, getppid(), 0) == 0 || errno != EPERM)
		return 2;
	if (syscall(SYS_pidfd_open, getppid(), 0) >= 0 || errno != EPERM)
		return 3;
	return raise(0) != 0 ? errno : 0;
}

static int outlive_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, 0) < 0 ? errno : 0;
}

static int allow_tracers(void)
{
	return prctl(PR_SET_DUMPABLE, 1) < 0 ? errno : 0;
}

static sem_t go;
static _Atomic int seen_by_thread = -1;

static void *wait_and_trace(void *data)
{
	(void)sem_wait(&go);
	seen_by_thread = trace();
	return data;
}

/* The thread was there before. */
static int enter_beside_a_thread(void)
{
	pthread_t thread;

	if (sem_init(&go, 0, 0) < 0 || pthread_create(&thread, NULL, wait_and_trace, NULL) != 0)
		return 90;
	if (sandbox_enter(SANDBOX_TOKEN, mode, NULL, report, sizeof(report)) < 0)
		return 91;
	(void)sem_post(&go);
	return pthread_join(thread, NULL) == 0 ? seen_by_thread : 92;
}

static int sync_output(void)
{
	return fsync(STDERR_FILENO) < 0 && errno == EPERM ? EPERM : 0;
}

static int dumpable(void)
{
	struct rlimit limit;

	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
		getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 0;
}

static char inside_file[64], outside_file[64];

static int read_inside(void)
{
	return open(inside_file, O_RDONLY) < 0 ? errno : 0;
}

static int write_inside(void)
{
	return open(inside_file, O_WRONLY) < 0 ? errno : 0;
}

static int read_outside(void)
{
	return open(outside_file, O_RDONLY) < 0 ? errno : 0;
}

static void test_broker(void **state)
{
	(void)state;
	if (reduced())
		skip();
	assert_exit(inside(SANDBOX_BROKER, NULL, open_passwd), EPERM);
	assert_exit(inside(SANDBOX_BROKER, NULL, make_socket), EPERM);
	assert_exit(inside(SANDBOX_BROKER, NULL, map_executable), EPERM);
	assert_exit(inside(SANDBOX_BROKER, NULL, map_plain), 0);
	assert_exit(inside(SANDBOX_BROKER, NULL, signal_parent), EPERM);
	assert_exit(inside(SANDBOX_BROKER, NULL, spawn_process), EPERM);
	assert_exit(inside(SANDBOX_BROKER, NULL, sync_output), EPERM);
	assert_killed(inside(SANDBOX_BROKER, NULL, execute));
	assert_killed(inside(SANDBOX_BROKER, NULL, trace));
}

static void test_journal(void **state)
{
	(void)state;
	if (reduced())
		skip();
	assert_exit(inside(SANDBOX_JOURNAL, NULL, open_passwd), EPERM);
	assert_exit(inside(SANDBOX_JOURNAL, NULL, make_socket), EPERM);
	assert_exit(inside(SANDBOX_JOURNAL, NULL, sync_output), 0);
	assert_killed(inside(SANDBOX_JOURNAL, NULL, execute));
	assert_killed(inside(SANDBOX_JOURNAL, NULL, trace));
}

static void test_namespaces(void **state)
{
	(void)state;
	if (reduced())
		skip();
	assert_exit(inside(SANDBOX_TOKEN, NULL, new_namespace), ENOSYS);
	assert_exit(inside(SANDBOX_PARENT, NULL, new_namespace), ENOSYS);
	assert_exit(inside(SANDBOX_BROKER, NULL, new_namespace), EPERM);
	assert_exit(inside(SANDBOX_JOURNAL, NULL, new_namespace), EPERM);
}

static void test_owner_of_a_descriptor(void **state)
{
	(void)state;
	if (reduced())
		skip();
	for (int role = SANDBOX_PARENT; role <= SANDBOX_TOKEN_SPARED; role++)
		assert_exit(inside((enum sandbox_role)role, NULL, own_descriptor), 0);
}

static void test_threads_of_before(void **state)
{
	pid_t pid;
	int status = 0;

	(void)state;
	if (reduced())
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(enter_beside_a_thread());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_exit(status, EPERM);
}

/* A module may open sockets and start threads, but no program. */
static void test_token(void **state)
{
	const struct sandbox_path all[] = {{"/", SANDBOX_READ}, {0}};

	(void)state;
	if (reduced())
		skip();
	assert_exit(inside(SANDBOX_TOKEN, all, open_passwd), 0);
	assert_exit(inside(SANDBOX_TOKEN, all, make_socket), 0);
	assert_exit(inside(SANDBOX_TOKEN, all, map_executable), 0);
	assert_exit(inside(SANDBOX_TOKEN, all, execute), EPERM);
	assert_exit(inside(SANDBOX_TOKEN, all, trace), EPERM);
	assert_exit(inside(SANDBOX_TOKEN, all, start_thread), 0);
	assert_exit(inside(SANDBOX_TOKEN, all, spawn_process), EPERM);
	assert_exit(inside(SANDBOX_TOKEN, all, signal_others), 0);
	assert_exit(inside(SANDBOX_TOKEN, all, allow_tracers), EPERM);
	assert_exit(inside(SANDBOX_TOKEN, all, outlive_parent), EPERM);
	assert_exit(inside(SANDBOX_TOKEN_SPARED, all, outlive_parent), 0);
	assert_exit(inside(SANDBOX_TOKEN_SPARED, all, spawn_process), EPERM);
}

static void test_parent(void **state)
{
	(void)state;
	if (reduced())
		skip();
	assert_exit(inside(SANDBOX_PARENT, NULL, execute), 0);
	assert_exit(inside(SANDBOX_PARENT, NULL, open_passwd), 0);
	assert_exit(inside(SANDBOX_PARENT, NULL, trace), EPERM);
	assert_exit(inside(SANDBOX_PARENT, NULL, spawn_process), 0);
}

static void test_no_dumps(void **state)
{
	(void)state;
	if (reduced())
		skip();
	assert_exit(inside(SANDBOX_PARENT, NULL, dumpable), 0);
	assert_exit(inside(SANDBOX_TOKEN, NULL, dumpable), 0);
}

static bool has_landlock(void)
{
	char text[200] = "";
	int pipes[2];
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		(void)sandbox_enter(SANDBOX_TOKEN, "auto", NULL, text, sizeof(text));
		_exit(write(pipes[1], text, sizeof(text)) < 0);
	}
	(void)waitpid(pid, NULL, 0);
	assert_int_equal(read(pipes[0], text, sizeof(text)), sizeof(text));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return strstr(text, ", landlock ") != NULL;
}

static void test_paths(void **state)
{
	const struct sandbox_path read_only[] = {{directory, SANDBOX_READ}, {"/nonexistent", SANDBOX_READ}, {0}};
	const struct sandbox_path writable[] = {{directory, SANDBOX_READ_WRITE}, {0}};

	(void)state;
	if (reduced() || !has_landlock())
		skip();
	assert_exit(inside(SANDBOX_TOKEN, read_only, read_inside), 0);
	assert_exit(inside(SANDBOX_TOKEN, read_only, write_inside), EACCES);
	assert_exit(inside(SANDBOX_TOKEN, read_only, read_outside), EACCES);
	assert_exit(inside(SANDBOX_TOKEN, writable, write_inside), 0);
	assert_exit(inside(SANDBOX_TOKEN, writable, read_outside), EACCES);
	assert_exit(inside(SANDBOX_TOKEN, NULL, read_inside), EACCES);
}

/* A module's log may go to /dev/stderr, which is a pipe or the journal's socket; what cannot be a path holds nothing up
 * either. */
static void test_paths_that_need_no_right(void **state)
{
	char pipe_path[32], socket_path[32], below_a_file[sizeof(inside_file) + 2];
	const struct sandbox_path paths[] = {{pipe_path, SANDBOX_READ_WRITE}, {socket_path, SANDBOX_READ_WRITE},
		{below_a_file, SANDBOX_READ}, {directory, SANDBOX_READ}, {0}};
	int pipes[2], sockets[2];

	(void)state;
	if (reduced() || !has_landlock())
		skip();
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	(void)snprintf(pipe_path, sizeof(pipe_path), "/proc/self/fd/%d", pipes[1]);
	(void)snprintf(socket_path, sizeof(socket_path), "/proc/self/fd/%d", sockets[0]);
	(void)snprintf(below_a_file, sizeof(below_a_file), "%s/x", inside_file);
	mode = "required";
	assert_exit(inside(SANDBOX_TOKEN, paths, read_inside), 0);
	assert_exit(inside(SANDBOX_TOKEN, paths, read_outside), EACCES);
	mode = "auto";
	for (int i = 0; i < 2; i++) {
		(void)close(pipes[i]);
		(void)close(sockets[i]);
	}
}

static void test_modes(void **state)
{
	(void)state;
	assert_int_equal(sandbox_enter(SANDBOX_BROKER, "off", NULL, report, sizeof(report)), 0);
	assert_string_equal(report, "off");
	assert_int_equal(open_passwd(), 0);
	mode = "required";
	assert_exit(inside(SANDBOX_PARENT, NULL, open_passwd), reduced() ? 99 : 0);
	mode = "auto";
}

static int make_files(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(inside_file, sizeof(inside_file), "%s/file", directory);
	(void)snprintf(outside_file, sizeof(outside_file), "%s.outside", directory);
	fd = open(inside_file, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || close(fd) < 0)
		return -1;
	fd = open(outside_file, O_WRONLY | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? -1 : close(fd);
}

static int remove_files(void **state)
{
	(void)state;
	(void)unlink(outside_file);
	(void)unlink(inside_file);
	return rmdir(directory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broker),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_owner_of_a_descriptor),
		cmocka_unit_test(test_threads_of_before),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_no_dumps),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_paths_that_need_no_right),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
