/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/store_calls.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"

enum { PATIENCE_MS = 60000 };

void store_call_done(void *userdata, const struct store_result *result)
{
	struct store_call *call = userdata;

	call->n++;
	call->outcome = result->outcome;
	call->head = result->head;
	snprintf(call->why, sizeof(call->why), "%s", result->why);
}

void store_call_turn(struct store *store)
{
	struct store_wait wait = store_wait(store);
	struct pollfd fd = {.fd = wait.fd, .events = wait.events};
	uint64_t now = clock_monotonic_us();
	int ms = wait.due == 0 ? PATIENCE_MS : wait.due <= now ? 0 : (int)((wait.due - now + 999) / 1000);

	assert_true(wait.fd >= 0 || wait.due > 0);
	assert_true(poll(&fd, 1, ms) > 0 || wait.due > 0);
	store_turn(store);
}

void store_call_wait(struct store *store, const struct store_call *call)
{
	while (call->n == 0)
		store_call_turn(store);
}

struct store_call store_call_append(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n)
{
	struct chain_head head = store_state(store).head;
	struct store_call call = {0};

	assert_int_equal(store_append(store, records, n, &head, store_call_done, &call), 0);
	store_call_wait(store, &call);
	return call;
}

struct store_call store_call_sync(struct store *store)
{
	struct store_call call = {0};

	assert_int_equal(store_sync(store, store_call_done, &call), 0);
	store_call_wait(store, &call);
	return call;
}
