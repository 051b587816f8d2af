/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plural.h"
#include "client/cekctl/console/width.h"

enum {
	BAR_MAX = 30,
	LINE_MAX_BYTES = 160,
	EVERY_LINES = 256,
	EVERY_US = 1000000,
};

void progress_start(struct progress *progress)
{
	struct stat st;

	progress->visible = width_can_redraw(STDERR_FILENO);
	progress->next = clock_monotonic_us() + EVERY_US;
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		progress->total = (uint64_t)st.st_size;
}

/* Never wider than the terminal: a line that is broken cannot be written anew. */
static void draw(const struct progress *progress)
{
	char counts[LINE_MAX_BYTES];
	size_t width = width_terminal(STDERR_FILENO), n, bar;
	uint64_t bytes = progress->bytes < progress->total ? progress->bytes : progress->total;

	n = (size_t)snprintf(counts, sizeof(counts), "%llu line%s, %llu unchanged, %llu failed",
		(unsigned long long)progress->lines, plural(progress->lines), (unsigned long long)progress->unchanged,
		(unsigned long long)progress->failed);
	fputc('\r', stderr);
	if (progress->total && width > n + 12) {
		char full[BAR_MAX + 1];

		bar = width - n - 9 < BAR_MAX ? width - n - 9 : BAR_MAX;
		memset(full, '#', sizeof(full));
		fprintf(stderr, "[%-*.*s] %3llu%% ", (int)bar, (int)(bytes * bar / progress->total), full,
			(unsigned long long)(bytes * 100 / progress->total));
	}
	fprintf(stderr, "%.*s\033[K", width ? (int)width - 1 : (int)n, counts);
	fflush(stderr);
}

void progress_show(struct progress *progress)
{
	uint64_t now = progress->visible ? clock_monotonic_us() : 0;

	if (!progress->visible || (progress->lines - progress->shown < EVERY_LINES && now < progress->next))
		return;
	progress->shown = progress->lines;
	progress->next = now + EVERY_US;
	draw(progress);
}

void progress_end(struct progress *progress)
{
	if (!progress->visible)
		return;
	draw(progress);
	fputc('\n', stderr);
}
