/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that is another one (CEKD_SHIM_MODULE), and starts a thread in its first C_Initialize. When the test
 * says so in the page CEKD_SHIM, the thread tries to get out of the worker and writes there what came of it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

/* tests/e2e/test_sandbox.py reads and writes it. */
struct page {
	atomic_int go; /* 1: try; 2: somebody does */
	atomic_int done;
	char outside[256]; /* a file that the worker's uid could read and write */
	struct {
		char name[32];
		int error; /* errno; 0: it went well */
	} tried[32];
};

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;
static struct page *page;

static void note(const char *name, long result)
{
	const int n = page->done;

	page->tried[n].error = result < 0 ? errno : 0;
	strncpy(page->tried[n].name, name, sizeof(page->tried[n].name) - 1);
	page->done++;
}

/* A child ends at once. */
static long raw_clone(unsigned long flags)
{
	const long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}

static void *nothing(void *data)
{
	return data;
}

static void try_processes(void)
{
	char *const arguments[] = {(char *)(unsigned long)"true", NULL};
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)(unsigned long)&list, 1};
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	note("thread", errno ? -1 : pthread_join(thread, NULL));
	note("fork", raw_clone(0));
	note("new user namespace", raw_clone(CLONE_NEWUSER));
	note("new thread and namespace", raw_clone(CLONE_NEWNET | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
	note("clone3", syscall(SYS_clone3, NULL, 0));
	note("unshare", unshare(CLONE_NEWUSER));
	note("exec", execve("/bin/true", arguments, arguments + 1));
	note("ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	note("read memory", process_vm_readv(getppid(), &here, 1, &there, 1, 0));
	note("kill", kill(getppid(), 0));
	note("queue signal", syscall(SYS_rt_sigqueueinfo, getppid(), SIGTERM, NULL));
	note("pidfd", syscall(SYS_pidfd_open, getppid(), 0));
	note("limits of others", syscall(SYS_prlimit64, getppid(), 0, NULL, NULL));
	note("owner of a descriptor", fcntl(STDERR_FILENO, F_SETOWN, getppid()));
	note("dumpable", prctl(PR_SET_DUMPABLE, 1));
	note("outlive", prctl(PR_SET_PDEATHSIG, 0));
}

static void try_kernel(void)
{
	note("mount", syscall(SYS_mount, "/", "/", NULL, 0, NULL));
	note("setns", syscall(SYS_setns, 0, 0));
	note("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	note("bpf", syscall(SYS_bpf, 0, NULL, 0));
	note("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	note("userfaultfd", syscall(SYS_userfaultfd, 0));
	note("perf", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
	note("personality", syscall(SYS_personality, 0xffffffff));
	note("read outside", open(page->outside, O_RDONLY | O_CLOEXEC));
	note("write outside", open(page->outside, O_WRONLY | O_CLOEXEC));
}

static void *escape(void *data)
{
	/* One worker of those that have loaded the module: the first one that sees it. */
	for (int go = 1; !atomic_compare_exchange_strong(&page->go, &go, 2); go = 1)
		usleep(1000);
	try_processes();
	try_kernel();
	note("end", 0);
	return data;
}

static CK_RV initialize(void *args)
{
	static int started;
	pthread_t thread;

	if (!started && pthread_create(&thread, NULL, escape, NULL) != 0)
		return CKR_HOST_MEMORY;
	started = 1;
	return real->C_Initialize(args);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
	const char *path = getenv("CEKD_SHIM"), *module = getenv("CEKD_SHIM_MODULE");
	void *handle = module ? dlopen(module, RTLD_NOW | RTLD_LOCAL) : NULL;
	CK_RV (*get_list)(CK_FUNCTION_LIST **) = NULL;
	void *symbol = handle ? dlsym(handle, "C_GetFunctionList") : NULL;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	memcpy(&get_list, &symbol, sizeof(get_list));
	if (!get_list || fd < 0 || get_list(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return CKR_HOST_MEMORY;
	list = *real;
	list.C_Initialize = initialize;
	*ret_list = &list;
	return CKR_OK;
}
