/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 30, EVERY = 256 /* lines */ };

void progress_start(struct progress *progress)
{
	struct stat st;

	progress->visible = isatty(STDERR_FILENO);
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		progress->total = (uint64_t)st.st_size;
}

static void draw(const struct progress *progress)
{
	static const char full[WIDTH + 1] = "##############################";

	if (progress->total) {
		uint64_t bytes = progress->bytes < progress->total ? progress->bytes : progress->total;
		int filled = (int)(bytes * WIDTH / progress->total);

		fprintf(stderr, "\r[%-*.*s] %3llu%% ", WIDTH, filled, full,
			(unsigned long long)(bytes * 100 / progress->total));
	} else {
		fputc('\r', stderr);
	}
	fprintf(stderr, "%llu lines, %llu unchanged, %llu failed", (unsigned long long)progress->lines,
		(unsigned long long)progress->unchanged, (unsigned long long)progress->failed);
	fflush(stderr);
}

void progress_show(struct progress *progress)
{
	if (!progress->visible || progress->lines - progress->shown < EVERY)
		return;
	progress->shown = progress->lines;
	draw(progress);
}

void progress_end(struct progress *progress)
{
	if (!progress->visible)
		return;
	draw(progress);
	fputc('\n', stderr);
}
