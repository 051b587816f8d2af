/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/sandbox_seccomp.h"

#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * Broker and journal: what an event loop over descriptors that are open already needs. Whatever is not named gives
 * EPERM, so that a new C library's attempt at a newer call falls back instead of ending the daemon.
 */
/* clang-format off */
static const char *const loop_calls[] = {
	"read", "write", "readv", "writev", "pread64", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg",
	"sendmmsg",
	"close", "close_range", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
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
	"statx", "alarm", "setitimer", NULL};

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
	"add_key", "request_key", "keyctl", "modify_ldt", "lookup_dcookie", "fanotify_init", "migrate_pages",
	"move_pages",
	"process_mrelease", NULL,
};

/* The token too: programs and processes of its own, and signals to others. Threads are started by clone(2). */
static const char *const token_calls[] = {
	"execve", "execveat", "fork", "vfork", "tkill", "pidfd_open", "pidfd_send_signal", NULL,
};
/* clang-format on */

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

struct rule {
	int number;
	struct scmp_arg_cmp arg;
};

static int add_rules(scmp_filter_ctx filter, uint32_t action, const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int r = seccomp_rule_add_array(filter, action, rules[i].number, 1, &rules[i].arg);

		if (r < 0)
			return r;
	}
	return 0;
}

#define ADD_RULES(filter, action, rules) add_rules(filter, action, rules, sizeof(rules) / sizeof((rules)[0]))

/* The kernel takes an int where seccomp compares 64 bits: what is above must not make another value of it. */
#define INT_EQ(value) SCMP_CMP_MASKED_EQ, 0xffffffffu, (scmp_datum_t)(value)

/* Memory that is not executable, signals and limits of this process only, two harmless ioctls, and of fcntl(2) what
 * sends no signals to others (F_SETOWN). */
static int add_narrow(scmp_filter_ctx filter)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct rule rules[] = {
		{SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self)},
		{SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, self)},
		{SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0)},
		{SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD)},
		{SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONBIO)},
		{SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_DUPFD)},
		{SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_DUPFD_CLOEXEC)},
		{SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GETFD)},
		{SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_SETFD)},
		{SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GETFL)},
		{SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_SETFL)},
	};

	return ADD_RULES(filter, SCMP_ACT_ALLOW, rules);
}

/* Namespaces give rights over a part of the kernel that is seldom looked at; an owner of a descriptor is sent signals,
 * which the kernel permits where kill(2) is not asked. clone3(2) hides its flags behind a pointer: the C library falls
 * back to clone(2) when the kernel does not know it. */
static int add_arguments(scmp_filter_ctx filter)
{
	static const struct rule rules[] = {
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWCGROUP, CLONE_NEWCGROUP)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUTS, CLONE_NEWUTS)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWIPC, CLONE_NEWIPC)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWPID, CLONE_NEWPID)},
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWNET, CLONE_NEWNET)},
		{SCMP_SYS(fcntl), SCMP_A1(INT_EQ(F_SETOWN))},
		{SCMP_SYS(fcntl), SCMP_A1(INT_EQ(F_SETOWN_EX))},
		{SCMP_SYS(fcntl), SCMP_A1(INT_EQ(F_SETSIG))},
		{SCMP_SYS(ioctl), SCMP_A1(INT_EQ(FIOSETOWN))},
		{SCMP_SYS(ioctl), SCMP_A1(INT_EQ(SIOCSPGRP))},
		{SCMP_SYS(ioctl), SCMP_A1(INT_EQ(TIOCSTI))},
		{SCMP_SYS(ioctl), SCMP_A1(INT_EQ(TIOCLINUX))},
	};
	const int r = ADD_RULES(filter, SCMP_ACT_ERRNO(EPERM), rules);

	return r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* A module may start threads, but no process; signal and limit its own process only; and stays closed to tracers. */
static int add_token(scmp_filter_ctx filter)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();
	const struct rule rules[] = {
		{SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)},
		{SCMP_SYS(kill), SCMP_A0(SCMP_CMP_NE, self)},
		{SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_NE, self)},
		{SCMP_SYS(rt_sigqueueinfo), SCMP_A0(SCMP_CMP_NE, self)},
		{SCMP_SYS(rt_tgsigqueueinfo), SCMP_A0(SCMP_CMP_NE, self)},
		{SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_NE, 0)},
		{SCMP_SYS(prctl), SCMP_A0(INT_EQ(PR_SET_DUMPABLE))},
		{SCMP_SYS(prctl), SCMP_A0(INT_EQ(PR_SET_PTRACER))},
		{SCMP_SYS(prctl), SCMP_A0(INT_EQ(PR_SET_MM))},
		{SCMP_SYS(prctl), SCMP_A0(INT_EQ(PR_SET_CHILD_SUBREAPER))},
	};
	const int r = ADD_RULES(filter, SCMP_ACT_ERRNO(EPERM), rules);

	return r < 0 ? r : add_all(filter, SCMP_ACT_ERRNO(EPERM), token_calls);
}

/* It dies with cekd, whatever became of it. */
static int add_mortal(scmp_filter_ctx filter)
{
	static const struct rule rules[] = {{SCMP_SYS(prctl), SCMP_A0(INT_EQ(PR_SET_PDEATHSIG))}};

	return ADD_RULES(filter, SCMP_ACT_ERRNO(EPERM), rules);
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

	if (r == 0)
		r = add_arguments(filter);
	if (r == 0 && role != SANDBOX_PARENT)
		r = add_token(filter);
	if (r == 0 && role == SANDBOX_TOKEN)
		r = add_mortal(filter);
	return r;
}

/* For all threads that there are by now; those that come inherit it. */
static int load(scmp_filter_ctx filter)
{
	const int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	return r < 0 ? r : seccomp_load(filter);
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
		r = load(filter);
	seccomp_release(filter);
	return r;
}
