/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN file: what is read, what is refused. */
#include "daemon/token/p11/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int pin_of(const char *text, size_t len, struct pin *ret_pin)
{
	int fd = memfd_create("pin", MFD_CLOEXEC), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	r = pin_read(fd, ret_pin);
	close(fd);
	return r;
}

static void check(const char *text, const char *want)
{
	struct pin pin;

	assert_int_equal(pin_of(text, strlen(text), &pin), 0);
	assert_int_equal(pin.len, strlen(want));
	assert_memory_equal(pin.text, want, pin.len);
	pin_wipe(&pin);
	assert_null(pin.arena.base);
}

static void strips_one_newline(void **state)
{
	(void)state;
	check("1234", "1234");
	check("1234\n", "1234");
	check("1234\n\n", "1234\n");
	check(" 12 34 \n", " 12 34 ");
}

static void has_limits(void **state)
{
	char text[PIN_LEN_MAX + 3];
	struct pin pin;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(pin_of(text, PIN_LEN_MAX, &pin), 0);
	pin_wipe(&pin);
	assert_int_equal(pin_of(text, PIN_LEN_MAX + 1, &pin), -EMSGSIZE);
	assert_int_equal(pin_of(text, PIN_LEN_MAX + 2, &pin), -EMSGSIZE);
	text[PIN_LEN_MAX] = '\n';
	assert_int_equal(pin_of(text, PIN_LEN_MAX + 1, &pin), 0);
	pin_wipe(&pin);
	assert_int_equal(pin_of("", 0, &pin), -EINVAL);
	assert_int_equal(pin_of("\n", 1, &pin), -EINVAL);
	assert_int_equal(pin_read(99, &pin), -EBADF);
}

/* Pages that this process has mapped; without an allocation. */
static unsigned long pages(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 10);
}

/* Wiped and given back as well: what was read may be the PIN with a letter too many. */
static void keeps_nothing_of_a_refused_one(void **state)
{
	struct pin pin;
	unsigned long before;

	(void)state;
	assert_int_equal(pin_of("\n", 1, &pin), -EINVAL);
	before = pages();
	assert_int_equal(pin_of("\n", 1, &pin), -EINVAL);
	assert_int_equal(pin_read(99, &pin), -EBADF);
	assert_int_equal(pages(), before);
}

static void none_is_empty(void **state)
{
	struct pin pin;

	(void)state;
	assert_int_equal(pin_read(-1, &pin), 0);
	assert_int_equal(pin.len, 0);
	pin_wipe(&pin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strips_one_newline),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(keeps_nothing_of_a_refused_one),
		cmocka_unit_test(none_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
