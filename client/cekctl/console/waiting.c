/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of its own draws: what is waited for may be libcek, a PKCS#11 module or a file, and none of them is to be
 * disturbed by signals. */
#include "client/cekctl/console/waiting.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "client/cekctl/console/width.h"

enum {
	FIRST_MS = 1000,
	EVERY_MS = 120,
};

static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over;
static const char *text;
static unsigned depth;
static bool running, stopped;

static struct timespec after(const struct timespec *from, unsigned ms)
{
	struct timespec at = *from;

	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

static void draw(unsigned turn, long seconds)
{
	static const char sign[] = "|/-\\";

	fprintf(stderr, "\r%c %s, %ld s", sign[turn % 4], text, seconds);
	fflush(stderr);
}

static void *run(void *unused)
{
	struct timespec start, at;
	unsigned turn = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	at = after(&start, FIRST_MS);
	pthread_mutex_lock(&lock);
	while (!stopped) {
		if (pthread_cond_timedwait(&over, &lock, &at) == 0 || stopped)
			continue;
		draw(turn++, at.tv_sec - start.tv_sec);
		at = after(&at, EVERY_MS);
	}
	pthread_mutex_unlock(&lock);
	if (turn > 0) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	return NULL;
}

/* Signals are for the thread that works. */
static bool start_thread(void)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	bool good;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&over, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	good = pthread_create(&thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return good;
}

void waiting_begin(const char *what)
{
	if (depth++ > 0 || !width_can_redraw(STDERR_FILENO))
		return;
	text = what;
	stopped = false;
	running = start_thread();
}

void waiting_hide(void)
{
	int error = errno; /* of what was waited for */

	if (!running)
		return;
	pthread_mutex_lock(&lock);
	stopped = true;
	pthread_cond_signal(&over);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	pthread_cond_destroy(&over);
	running = false;
	errno = error;
}

void waiting_end(void)
{
	if (--depth == 0)
		waiting_hide();
}
