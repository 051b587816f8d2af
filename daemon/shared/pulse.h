/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of who judges whether others hang. It counts only time in which the judge's own loop came round: a machine
 * that was suspended, and a judge that was stopped or had no processor, hold nothing against anybody. Whoever waits for
 * an answer notes the time since which it is owed; the age of the oldest is what is judged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

struct pulse {
	uint64_t period_us;
	uint64_t bound_us;  /* who owes an answer for so long hangs */
	uint64_t looked_us; /* monotonic: the last beat */
	uint64_t now_us;    /* counted; never 0, which stands for "nothing is owed" */
};

/* now_us: monotonic. */
void pulse_init(struct pulse *pulse, unsigned bound_seconds, uint64_t now_us);

/* To be called once a period, by a timer of the loop. However late it comes, one period is counted. */
void pulse_beat(struct pulse *pulse, uint64_t now_us);

/* The timer's. */
struct timeval pulse_period(const struct pulse *pulse);

/* Counted microseconds since then; 0: nothing is owed. */
static inline uint64_t pulse_age(const struct pulse *pulse, uint64_t since_us)
{
	return since_us == 0 ? 0 : pulse->now_us - since_us;
}

/* It is worth a word, although it may still be in order. grace_us: what the answer may take by itself. */
static inline bool pulse_late(const struct pulse *pulse, uint64_t since_us, uint64_t grace_us)
{
	return pulse_age(pulse, since_us) >= grace_us + pulse->bound_us / 4;
}

static inline bool pulse_over(const struct pulse *pulse, uint64_t since_us, uint64_t grace_us)
{
	return pulse_age(pulse, since_us) >= grace_us + pulse->bound_us;
}
