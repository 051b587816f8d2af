/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the time of a failed unwrap tell why it failed? Sends encrypted keys with different faults to the real
 * cekd-token, in random order, and compares the processor time that each takes, fault by fault. Early returns planted
 * in the worker (daemon/shared/testhook.h) show that a difference of a few microseconds would be seen.
 * Usage: bench-timing CEKD-TOKEN [TIMES-A-FAULT-AND-ROUND [ROUNDS [ALG]]]
 * Exit status: 0 if every planted early return is seen and nothing else, 1 if not, 2 if it could not be measured.
 */
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/shared/testhook.h"
#include "die.h"
#include "faults.h"
#include "proto/dgram.h"
#include "welch.h"

enum { ROUNDS_MAX = 64, PAIRS_MAX = FAULTS_MAX * (FAULTS_MAX - 1) / 2, WARM_UP = 200 };

/* |t| over all rounds: above the one the times differ, below the other nothing is seen. */
static const double different_t = 10, same_t = 5;
static const double crop = 0.9;

struct pair {
	size_t a, b;
	double t[ROUNDS_MAX], difference[ROUNDS_MAX];
};

struct bench {
	struct rig *rig;
	struct rig_worker use;
	clockid_t clock; /* processor time of the use worker */
	volatile struct testhook_page *page;
	size_t samples, rounds;
};

static const struct series {
	const char *alg, *crv, *plant;
} all_series[] = {
	{"RSA-OAEP", "", NULL},
	{"RSA-OAEP-256", "", NULL},
	{"RSA-OAEP-256", "", "oaep.early-return"},
	{"RSA-OAEP-384", "", NULL},
	{"RSA-OAEP-512", "", NULL},
	{"A128KW", "", NULL},
	{"A256KW", "", NULL},
	{"A128GCMKW", "", NULL},
	{"A256GCMKW", "", NULL},
	{"ECDH-ES+A256KW", "P-256", NULL},
	{"ECDH-ES+A256KW", "P-256", "agree.early-return"},
	{"ECDH-ES+A256KW", "X25519", NULL},
	{"ECDH-ES+A256KW", "X25519", "agree.early-return"},
};

void die(const char *format, ...)
{
	va_list ap;

	fputs("bench-timing: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static size_t random_below(size_t n)
{
	static uint64_t state;

	while (state == 0)
		if (getrandom(&state, sizeof(state), 0) != sizeof(state))
			die("no random bytes");
	/* xorshift64 */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)((state >> 32) % n);
}

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time) != 0)
		die("the worker has no clock");
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* What the worker spends on one message, in nanoseconds of processor time: what else the machine does is not in it. */
static uint32_t measure(struct bench *bench, const uint8_t *data, size_t len)
{
	const uint64_t before = now(bench->clock);
	Cek__Internal__V1__FromWorker *answer;
	uint64_t spent;

	if (send(bench->use.jobs, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("the worker takes no jobs");
	answer = rig_receive(&bench->use);
	spent = now(bench->clock) - before;
	if (!answer || answer->what_case != CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT ||
		answer->result->outcome != CEK__INTERNAL__V1__OUTCOME__OUTCOME_FAILED)
		die("an encrypted key that cannot be opened did not fail");
	rig_free(answer);
	return spent < UINT32_MAX ? (uint32_t)spent : UINT32_MAX;
}

static uint32_t measure_one(struct bench *bench, const struct fault *fault)
{
	const size_t i = random_below(FAULT_MESSAGES);

	return measure(bench, fault->message[i].data, fault->message[i].len);
}

static void run_round(struct bench *bench, const struct faults *faults, size_t samples, size_t round,
	struct times *times, struct pair *pairs)
{
	size_t n_pairs = 0;
	uint32_t limit;

	for (size_t i = 0; i < faults->n; i++)
		times[i].n = 0;
	for (size_t done = 0; done < samples * faults->n;) {
		const size_t i = random_below(faults->n);

		if (times[i].n == samples)
			continue;
		times[i].ns[times[i].n++] = measure_one(bench, &faults->fault[i]);
		done++;
	}
	limit = welch_percentile(times, faults->n, crop);
	for (size_t a = 0; a < faults->n; a++)
		for (size_t b = a + 1; b < faults->n; b++) {
			const struct welch welch = welch_compare(&times[a], &times[b], limit);
			struct pair *pair = &pairs[n_pairs++];

			pair->a = a;
			pair->b = b;
			pair->t[round] = welch.t;
			pair->difference[round] = welch.difference;
		}
}

static const char *remark(bool is_public, bool planted, bool good)
{
	if (is_public)
		return " (the sender knows one cause)";
	if (planted)
		return good ? " (planted)" : " (planted: NOT FOUND)";
	return good ? "" : ": AN ORACLE?";
}

/* Print a pair; true if it is as it should be. */
static bool judge(const struct series *series, const struct faults *faults, struct pair *pair, size_t rounds)
{
	const struct fault *a = &faults->fault[pair->a], *b = &faults->fault[pair->b];
	const bool planted = series->plant && a->planted != b->planted, is_public = a->is_public != b->is_public;
	/* If nothing differs, t of a round has variance 1, and so has the sum of all over the root of their number. The
	 * median in place of the mean bears rounds in which the machine was busy with something else. */
	const double t = welch_median(pair->t, rounds) * sqrt((double)rounds);
	const double us = welch_median(pair->difference, rounds) / 1000;
	const bool different = fabs(t) > different_t, same = fabs(t) < same_t;
	const bool good = is_public || (planted ? different : same);

	printf("  %-18s %-18s %8.1f %+9.2f  %s%s\n", a->name, b->name, fabs(t), us,
		different      ? "separated"
			: same ? "the same"
			       : "undecided",
		remark(is_public, planted, good));
	return good;
}

/* An RSA operation takes long and so varies much: the others need fewer samples to show the same difference. */
static size_t samples_of(const char *alg, size_t samples)
{
	return strncmp(alg, "RSA", 3) == 0 ? samples : (samples + 2) / 3;
}

/* A manage worker ends by itself when it has nothing to do for long, so each series has its own. */
static void make_faults(struct bench *bench, const struct series *series, struct faults *ret_faults)
{
	struct rig_worker manage;

	rig_start(bench->rig, &manage, &(struct rig_options){.manage = true}, NULL);
	faults_make(&manage, &bench->use, series->alg, series->crv, ret_faults);
	rig_stop(&manage);
}

static bool run_series(struct bench *bench, const struct series *series)
{
	static struct pair pairs[PAIRS_MAX];
	static struct faults faults;
	struct times times[FAULTS_MAX];
	const size_t samples = samples_of(series->alg, bench->samples);
	bool good = true;

	make_faults(bench, series, &faults);
	for (size_t i = 0; i < faults.n; i++) {
		times[i].ns = calloc(samples, sizeof(*times[i].ns));
		if (!times[i].ns)
			die("no memory");
	}
	strcpy((char *)(uintptr_t)bench->page->armed, series->plant ? series->plant : "");
	for (size_t i = 0; i < WARM_UP; i++)
		measure_one(bench, &faults.fault[i % faults.n]);
	for (size_t round = 0; round < bench->rounds; round++)
		run_round(bench, &faults, samples, round, times, pairs);
	bench->page->armed[0] = '\0';
	printf("%s%s%s%s%s: %.1f us\n", series->alg, *series->crv ? " " : "", series->crv,
		series->plant ? ", planted " : "", series->plant ? series->plant : "",
		welch_percentile(times, faults.n, 0.5) / 1000.0);
	for (size_t i = 0; i < faults.n * (faults.n - 1) / 2; i++)
		good = judge(series, &faults, &pairs[i], bench->rounds) && good;
	fflush(stdout);
	for (size_t i = 0; i < faults.n; i++)
		free(times[i].ns);
	faults_free(&faults);
	return good;
}

/* On one processor the worker has always gone to sleep again when its clock is read. */
static void share_a_processor(pid_t worker)
{
	cpu_set_t all, one;
	int last = 0;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((size_t)i, &all))
			last = i;
	CPU_SET((size_t)last, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0 || sched_setaffinity(worker, sizeof(one), &one) != 0)
		fprintf(stderr, "bench-timing: not bound to one processor\n");
}

static void start(struct bench *bench)
{
	int page = memfd_create("page", MFD_CLOEXEC);
	void *map;

	if (page < 0 || ftruncate(page, sizeof(*bench->page)) != 0)
		die("no page");
	map = mmap(NULL, sizeof(*bench->page), PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	if (map == MAP_FAILED)
		die("no page");
	bench->page = map;
	rig_open(bench->rig, rig_kind());
	rig_start(bench->rig, &bench->use, &(struct rig_options){.copy_keys = true, .test_page = page}, NULL);
	close(page);
	if (clock_getcpuclockid(bench->use.pid, &bench->clock) != 0)
		die("the worker has no clock");
	share_a_processor(bench->use.pid);
}

int main(int argc, char **argv)
{
	struct rig rig;
	struct bench bench = {.rig = &rig,
		.samples = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000,
		.rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 9};
	char *rig_argv[] = {argv[0], (char *)(uintptr_t) "softhsm", argc > 1 ? argv[1] : NULL};
	size_t measured = 0;
	bool good = true;

	if (bench.samples < 2 || bench.rounds < 1 || bench.rounds > ROUNDS_MAX)
		die("%d rounds at most, and two times or more", ROUNDS_MAX);
	rig_arguments(argc > 1 ? 3 : 1, rig_argv, NULL, 0);
	start(&bench);
	printf("Processor time of failed unwraps, %zu rounds of %zu times a fault (RSA) or a third of\n"
	       "that: |t|, difference in us\n",
		bench.rounds, bench.samples);
	for (size_t i = 0; i < sizeof(all_series) / sizeof(all_series[0]); i++)
		if (argc < 5 || strcmp(argv[4], all_series[i].alg) == 0) {
			good = run_series(&bench, &all_series[i]) && good;
			measured++;
		}
	rig_stop(&bench.use);
	rig_close(&rig);
	if (measured == 0)
		die("%s: not measured here", argv[4]);
	printf("%s\n",
		good ? "Planted early returns are separated; the real code is not."
		     : "NOT AS IT SHOULD BE: see above.");
	return good ? 0 : 1;
}
