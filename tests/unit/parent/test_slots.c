/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "daemon/parent/slots.h"
#include "proto/dgram.h"

static char pin_file[] = "/nonexistent/pin";
static struct config config = {.pin_file = pin_file};
static struct family family;
static struct logins logins;
static struct news news;
static struct start start = {.family = &family, .news = &news, .config = &config, .logins = &logins};
static int broker_end;

static void on_changed(void *owner)
{
	(void)owner;
}

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	logins = (struct logins){.stopped = true};
	news = (struct news){.family = &family, .logins = &logins, .pin_file = pin_file};
	if (family_init(&family, event_base_new(), 2, on_changed, NULL) < 0 || dgram_pair(pair) < 0)
		return -1;
	family.broker.control = pair[0];
	broker_end = pair[1];
	return 0;
}

static int tear_down(void **state)
{
	struct event_base *base = family.base;

	(void)state;
	(void)close(family.broker.control);
	(void)close(broker_end);
	family_deinit(&family);
	event_base_free(base);
	return 0;
}

/* The manage worker will not come, and why. */
static void told(const char *why)
{
	static uint8_t buffer[DGRAM_MAX];
	Cek__Internal__V1__Control *message;
	const ssize_t len = dgram_recv(broker_end, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);

	assert_true(len > 0);
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE);
	assert_true(message->worker_gone->manage && message->worker_gone->hopeless);
	assert_string_equal(message->worker_gone->why, why);
	cek__internal__v1__control__free_unpacked(message, NULL);
}

static void say_why(struct child *child)
{
	strcpy(child->why, "PIN: the token says CKR_PIN_INCORRECT");
	news.refused = child;
}

/* Status shows what is told last, and what the token said helps more than what follows from it. */
static void test_manage_is_refused_with_the_reason_of_the_token(void **state)
{
	(void)state;
	say_why(&family.slots[0].child[0]);
	family.manage_wanted = true;
	slots_fill(&start, 1, false);
	told("PIN: the token says CKR_PIN_INCORRECT");
	assert_false(family.manage_wanted);
}

static void test_the_manage_worker_was_refused_itself(void **state)
{
	(void)state;
	say_why(&family.manage);
	family.manage_wanted = true;
	slots_fill(&start, 1, false);
	told("PIN: the token says CKR_PIN_INCORRECT");
}

static void test_nobody_asks_to_manage(void **state)
{
	uint8_t byte;

	(void)state;
	say_why(&family.slots[0].child[0]);
	slots_fill(&start, 1, false);
	assert_int_equal(dgram_recv(broker_end, MSG_DONTWAIT, &byte, 1, NULL, 0, NULL), -EAGAIN);
	assert_int_equal(family.slots[1].starts, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_manage_is_refused_with_the_reason_of_the_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_manage_worker_was_refused_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_asks_to_manage, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
