/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One unwrap through a broker with everything around it in one process, and which function called which on its way:
 * built with -finstrument-functions, but for this file and the rig. tests/house/trace reads what it prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker/broker_calls.h"

enum { DEPTH_MAX = 256, CALLS_MAX = 4096 };

struct call {
	const void *from, *to;
	unsigned n;
};

extern const char __executable_start, _end;

static const void *stack[DEPTH_MAX];
static size_t depth;
static struct call calls[CALLS_MAX];
static size_t n_calls;
static bool on;

void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site);

static void note(const void *from, const void *to)
{
	size_t i = 0;

	while (i < n_calls && (calls[i].from != from || calls[i].to != to))
		i++;
	if (i == CALLS_MAX)
		abort();
	calls[i].from = from;
	calls[i].to = to;
	calls[i].n++;
	if (i == n_calls)
		n_calls++;
}

void __cyg_profile_func_enter(void *function, void *site)
{
	bool ours = (const char *)site >= &__executable_start && (const char *)site < &_end;

	if (on)
		note(ours && depth > 0 ? stack[depth - 1] : NULL, function); /* not ours: libevent's loop */
	if (depth == DEPTH_MAX)
		abort();
	stack[depth++] = function;
}

void __cyg_profile_func_exit(void *function, void *site)
{
	depth--;
}

static size_t offset(const void *function)
{
	return function ? (size_t)((const char *)function - &__executable_start) : 0;
}

static void test_one_unwrap(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	on = true;
	reply = rig_call(rig, &client, call_unwrap(kid, NULL));
	on = false;
	assert_int_equal(reply->status, STATUS_OK);
	for (size_t i = 0; i < n_calls; i++)
		printf("call %zx %zx %u\n", offset(calls[i].from), offset(calls[i].to), calls[i].n);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
	free(kid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_unwrap, calls_setup, calls_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
