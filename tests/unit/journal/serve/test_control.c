/* SPDX-License-Identifier: Apache-2.0 */
/* What cekd says to cekd-journal, and what is none of that. */
#include "daemon/journal/serve/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

static struct control control;
static int cekd; /* the other end */

static int setup(void **state)
{
	int fds[2];

	(void)state;
	if (dgram_pair(fds) < 0)
		return -1;
	cekd = fds[1];
	return control_init(&control, fds[0], false);
}

static int teardown(void **state)
{
	(void)state;
	if (control.fd >= 0)
		close(control.fd);
	close(cekd);
	return 0;
}

static void check_nothing(void)
{
	char octet;

	assert_int_equal(recv(cekd, &octet, 1, MSG_DONTWAIT), -1);
}

/* That cekd itself broke the rules. */
static void check_accused(void)
{
	uint8_t buffer[512];
	const ssize_t len = recv(cekd, buffer, sizeof(buffer), MSG_DONTWAIT);
	Cek__Internal__V1__Control *message = len > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)len, buffer)
						      : NULL;

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_BROKE);
	assert_true(message->broke->cekd);
	assert_string_not_equal(message->broke->how, "");
	cek__internal__v1__control__free_unpacked(message, NULL);
}

static void test_nothing_is_nothing(void **state)
{
	(void)state;
	control_read(&control);
	assert_false(control_calls(&control));
	check_nothing();
}

/* It is said once, however much more comes, and is the end; a longer one than cekd has is no closed pair. */
static void test_nonsense_is_the_end(void **state)
{
	char much[300];

	memset(much, 0xff, sizeof(much));
	for (size_t len = 1; len <= sizeof(much); len += sizeof(much) - 1) {
		assert_int_equal(send(cekd, much, len, 0), len);
		control_read(&control);
		assert_true(control.end);
		assert_true(control.fd >= 0);
		check_accused();
		assert_int_equal(send(cekd, "\xff", 1, 0), 1);
		control_read(&control);
		check_nothing();
		if (len == 1) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
	}
}

static void test_cekd_is_gone(void **state)
{
	int fd = control.fd;

	(void)state;
	assert_int_equal(shutdown(cekd, SHUT_RDWR), 0);
	control_read(&control);
	assert_int_equal(control.fd, -1);
	assert_false(control.end);
	assert_true(control_calls(&control));
	control_read(&control);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_is_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense_is_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cekd_is_gone, setup, teardown),
	};

	log_open("test");
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
