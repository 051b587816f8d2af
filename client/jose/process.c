/* SPDX-License-Identifier: Apache-2.0 */
/* process.h: by a page that is all zero in a child, however that was made. */
#include "client/jose/process.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic(pid_t) *known; /* 0 = not yet in this process; NULL: a kernel without such pages */

pid_t process_id(void)
{
	pid_t pid = known ? atomic_load_explicit(known, memory_order_relaxed) : 0;

	if (pid > 0)
		return pid;
	pid = getpid();
	if (known)
		atomic_store_explicit(known, pid, memory_order_relaxed);
	return pid;
}

/* What runs programs of other machines, as qemu does, may ignore all advice and say that it took it. */
static bool takes_advice(void *page, size_t size)
{
	return madvise(page, size, -1) != 0 && madvise(page, size, MADV_WIPEONFORK) == 0;
}

/* Never unmapped: threads may still look there when the process ends. */
__attribute__((constructor)) static void map(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	if (takes_advice(page, size))
		known = page;
	else
		munmap(page, size);
}
