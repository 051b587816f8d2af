/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "daemon/parent/pins.h"
#include "proto/dgram.h"

static char folder[] = "/tmp/test_pins-XXXXXX", file[sizeof(folder) + 4];
static struct event_base *base;
static struct family family;
static struct logins logins;
static const struct pins pins = {&family, &logins, file};
static int ends[2]; /* of the two workers */

static void nothing(void *owner)
{
	(void)owner;
}

static struct child *worker(unsigned index)
{
	return &family.slots[index].child[0];
}

/* Their pids are nobody's. */
static int setup(void **state)
{
	(void)state;
	base = event_base_new();
	logins = (struct logins){0};
	if (base == NULL || family_init(&family, base, 2, nothing, NULL) < 0)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		int pair[2];

		if (dgram_pair(pair) < 0)
			return -1;
		ends[i] = pair[1];
		child_started(worker(i), 0x7fffff00 + (int)i, pair[0]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		(void)close(ends[i]);
		(void)close(worker(i)->control);
	}
	family_deinit(&family);
	event_base_free(base);
	return 0;
}

/* What the worker has got: 1: the file; 0: the word that it gets none; -1: nothing yet. */
static int got(unsigned index, bool *ret_stopped)
{
	static uint8_t buffer[DGRAM_MAX];
	size_t n_fds = 0;
	int fd = -1;
	char text[8] = "";
	const ssize_t n = dgram_recv(ends[index], MSG_DONTWAIT, buffer, sizeof(buffer), &fd, 1, &n_fds);
	Cek__Internal__V1__Control *message;

	if (n < 0)
		return -1;
	message = cek__internal__v1__control__unpack(NULL, (size_t)n, buffer);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_PIN);
	if (ret_stopped != NULL)
		*ret_stopped = message->pin->stopped;
	cek__internal__v1__control__free_unpacked(message, NULL);
	if (n_fds == 0)
		return 0;
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "1234");
	(void)close(fd);
	return 1;
}

static void test_those_that_start_take_turns(void **state)
{
	(void)state;
	assert_true(pins_asked(worker(0)));
	assert_true(pins_asked(worker(1)));
	pins_give(&pins);
	assert_int_equal(got(0, NULL), 1);
	assert_int_equal(got(1, NULL), -1);
	assert_true(pins_in_use(&family));
	assert_true(pins_over(worker(0)));
	pins_give(&pins);
	assert_int_equal(got(1, NULL), 1);
	assert_int_equal(got(0, NULL), -1);
	assert_true(pins_over(worker(1)));
	assert_false(pins_in_use(&family));
}

static void test_one_that_serves_does_not_wait(void **state)
{
	(void)state;
	child_ready(worker(1));
	assert_true(pins_asked(worker(0)));
	pins_give(&pins);
	assert_int_equal(got(0, NULL), 1);
	assert_true(pins_asked(worker(1)));
	pins_give(&pins);
	assert_int_equal(got(1, NULL), 1);
}

static void test_out_of_turn(void **state)
{
	(void)state;
	assert_false(pins_over(worker(0)));
	assert_true(pins_asked(worker(0)));
	assert_false(pins_asked(worker(0)));
	assert_false(pins_over(worker(0)));
	pins_give(&pins);
	assert_false(pins_asked(worker(0)));
	assert_false(pins_asked(&family.broker));
	assert_false(pins_over(&family.broker));
}

static void test_none_after_a_wrong_pin(void **state)
{
	bool stopped = false;

	(void)state;
	assert_true(pins_asked(worker(0)));
	logins_stop(&logins);
	pins_give(&pins);
	assert_int_equal(got(0, &stopped), 0);
	assert_true(stopped);
	assert_false(pins_in_use(&family));
	assert_true(pins_asked(worker(0))); /* it may ask again */
}

static void test_file_that_is_gone(void **state)
{
	const struct pins none = {&family, &logins, "/tmp/there/is/none"};
	bool stopped = true;

	(void)state;
	assert_true(pins_asked(worker(0)));
	pins_give(&none);
	assert_int_equal(got(0, &stopped), 0);
	assert_false(stopped);
}

static int make_file(void **state)
{
	FILE *made;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(file, sizeof(file), "%s/pin", folder);
	made = fopen(file, "w");
	return made != NULL && fputs("1234", made) >= 0 ? fclose(made) : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(file) == 0 ? rmdir(folder) : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_those_that_start_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_serves_does_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none_after_a_wrong_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_that_is_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
