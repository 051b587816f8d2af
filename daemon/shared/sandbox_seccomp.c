/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/sandbox_seccomp.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Broker and journal: what an event loop over descriptors that are open already needs. Whatever is not named gives
 * EPERM, so that a new C library's attempt at a newer call falls back instead of ending the daemon.
 */
/* clang-format off */
static const char *const loop_calls[] = {
	"read", "write", "readv", "writev", "pread64", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg",
	"sendmmsg",
	"close", "close_range", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername", "fcntl",
	"lseek", "fstat",
	"newfstatat", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
	"select",
	"pselect6", "eventfd2", "pipe2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "clock_gettime",
	"clock_getres",
	"clock_nanosleep", "nanosleep", "gettimeofday", "time", "munmap", "mremap", "madvise", "brk", "mlock", "mlock2",
	"munlock", "futex", "getrandom", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall", "exit",
	"exit_group", "sched_yield", "sched_getaffinity", "getrusage", "getcpu", "uname", "rseq", "membarrier",
	"set_robust_list", NULL,
};
/* clang-format on */

static const char *const broker_calls[] = {"accept", "accept4", NULL};

static const char *const journal_calls[] = {"pwrite64", "pwritev", "fsync", "fdatasync", "ftruncate", "fstatfs",
	"statx", NULL};

/* Nobody gets there by mistake: an allow-listed process that tries one of these has been taken over. */
static const char *const fatal_calls[] = {
	"execve",
	"execveat",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	NULL,
};

/* Parent and token: never needed by a PKCS#11 module, and each a way out of the process or into the kernel. */
/* clang-format off */
static const char *const forbidden_calls[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "mount", "umount2",
	"pivot_root", "chroot", "fsopen", "fsmount", "fsconfig", "fspick", "move_mount", "open_tree", "mount_setattr",
	"setns",
	"unshare", "bpf", "perf_event_open", "userfaultfd", "kexec_load", "kexec_file_load", "init_module",
	"finit_module",
	"delete_module", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "settimeofday",
	"clock_settime",
	"clock_adjtime", "adjtimex", "sethostname", "setdomainname", "syslog", "iopl", "ioperm", "open_by_handle_at",
	"name_to_handle_at", "personality", "uselib", "vhangup", "io_uring_setup", "io_uring_enter",
	"io_uring_register",
	"add_key", "request_key", "keyctl", NULL,
};
/* clang-format on */

static const char *const exec_calls[] = {"execve", "execveat", NULL};

static int add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
	for (; *names != NULL; names++) {
		const int number = seccomp_syscall_resolve_name(*names);
		int r;

		if (number == __NR_SCMP_ERROR)
			continue; /* this libseccomp is older than the call: for an allow-list that means EPERM */
		r = seccomp_rule_add(filter, action, number, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Memory that is not executable, signals and limits of this process only, two harmless ioctls. */
static int add_narrow(scmp_filter_ctx filter)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct {
		int number;
		struct scmp_arg_cmp arg;
	} rules[] = {
		{SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self)},
		{SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, self)},
		{SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0)},
		{SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD)},
		{SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONBIO)},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].number, 1, &rules[i].arg);

		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_allow_list(scmp_filter_ctx filter, enum sandbox_role role)
{
	int r = add_all(filter, SCMP_ACT_ALLOW, loop_calls);

	if (r == 0)
		r = add_all(filter, SCMP_ACT_ALLOW, role == SANDBOX_BROKER ? broker_calls : journal_calls);
	if (r == 0)
		r = add_narrow(filter);
	if (r == 0)
		r = add_all(filter, SCMP_ACT_KILL_PROCESS, fatal_calls);
	return r;
}

static int fill_deny_list(scmp_filter_ctx filter, enum sandbox_role role)
{
	int r = add_all(filter, SCMP_ACT_ERRNO(EPERM), forbidden_calls);

	if (r == 0 && role == SANDBOX_TOKEN)
		r = add_all(filter, SCMP_ACT_ERRNO(EPERM), exec_calls);
	return r;
}

int sandbox_seccomp(enum sandbox_role role)
{
	const int allow_list = role == SANDBOX_BROKER || role == SANDBOX_JOURNAL;
	scmp_filter_ctx filter = seccomp_init(allow_list ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
	int r;

	if (filter == NULL)
		return -ENOMEM;
	r = allow_list ? fill_allow_list(filter, role) : fill_deny_list(filter, role);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
