/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests/mutants/generate writes into the sources asks here which change is in force. All changes are compiled at
 * once and at most one acts, the one of CEKD_MUTANT, so that nothing is built again for each. CEKD_MUTANT_REACHED names
 * a file with a byte a change, in which a process of the daemon leaves what it came by: shared memory, for it outlives
 * SIGKILL and sandbox. The compiler includes this before everything else.
 */
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CEKD_MUTANT_SHARED __attribute__((weak, visibility("hidden")))

CEKD_MUTANT_SHARED int cekd_mutant;
CEKD_MUTANT_SHARED unsigned char *cekd_mutant_reached;

CEKD_MUTANT_SHARED __attribute__((constructor(101))) void cekd_mutant_begin(void)
{
	const char *mutant = getenv("CEKD_MUTANT"), *path = getenv("CEKD_MUTANT_REACHED");
	struct stat file;
	int fd;

	if (mutant)
		cekd_mutant = atoi(mutant);
	fd = path && !cekd_mutant_reached ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0 && fstat(fd, &file) == 0) {
		void *map = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (map != MAP_FAILED)
			cekd_mutant_reached = map;
	}
	if (fd >= 0)
		close(fd);
}

static inline int cekd_m(int number)
{
	if (cekd_mutant_reached)
		cekd_mutant_reached[number] = 1;
	return cekd_mutant == number;
}
