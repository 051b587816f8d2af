/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/wiping_heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "base/wipe.h"

enum { ROOM = 32 << 20 }; /* bytes that must still be mappable */

static void *heap_alloc(size_t size, const char *file, int line)
{
	return malloc(size);
}

static void heap_free(void *data, const char *file, int line)
{
	wipe(data, data ? malloc_usable_size(data) : 0);
	free(data);
}

/* realloc(3) may leave the old block behind as it is. */
static void *heap_realloc(void *data, size_t size, const char *file, int line)
{
	size_t old = data ? malloc_usable_size(data) : 0;
	void *moved;

	if (size <= old && size > 0)
		return data;
	moved = size > 0 ? malloc(size) : NULL;
	if (size > 0 && !moved)
		return NULL;
	if (old > 0 && moved)
		memcpy(moved, data, old);
	heap_free(data, file, line);
	return moved;
}

/* Under a small RLIMIT_MEMLOCK (8 MiB is usual) a lock on all that is to come would make later mappings fail: then only
 * the arenas are locked. */
static void lock_all(void)
{
	void *probe;

	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return;
	probe = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (probe == MAP_FAILED)
		(void)munlockall();
	else
		(void)munmap(probe, ROOM);
}

void wiping_heap_setup(void)
{
	(void)CRYPTO_set_mem_functions(heap_alloc, heap_realloc, heap_free);
	lock_all();
}
