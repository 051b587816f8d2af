/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/parent/offer.h"

static struct listener_wanted wanted[2];
static struct config config;
static struct state state_of_it;
static struct listeners listeners;
static struct offer offer;

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		wanted[i] = (struct listener_wanted){
			.name = (char *)(uintptr_t)(i == 0 ? "a" : "b"),
			.path = (char *)(uintptr_t)(i == 0 ? "/run/a" : "/run/b"),
		};
	config = (struct config){.listeners = wanted,
		.n_listeners = 2,
		.state_directory = (char *)(uintptr_t) "/state"};
	state_of_it = (struct state){.directory = 10, .lock = 11, .place = 12, .keys = 13, .audit = 14};
	listeners = (struct listeners){.n = 2, .fds = {20, 30}};
	listeners.files[0] = (struct listener_file){.folder = 21, .made = 22};
	listeners.files[1] = (struct listener_file){.folder = -1, .made = -1}; /* the service manager's */
	offer_fill(&offer, &config, &state_of_it, &listeners, true);
	return 0;
}

static void test_both_ways(void **state)
{
	static const int fds[] = {10, 11, 12, 13, 14, 20, 21, 22, 30};
	struct handed handed;

	(void)state;
	assert_int_equal(offer.n_fds, sizeof(fds) / sizeof(fds[0]));
	assert_memory_equal(offer.fds, fds, sizeof(fds));
	assert_int_equal(offer_read(&offer.message, offer.fds, offer.n_fds, 0, &handed), 0);
	assert_string_equal(handed.state_directory, "/state");
	assert_true(handed.sandboxed);
	assert_memory_equal(handed.state, fds, sizeof(handed.state));
	assert_int_equal(handed.n_listeners, 2);
	assert_string_equal(handed.listeners[0].path, "/run/a");
	assert_int_equal(handed.listeners[0].fd, 20);
	assert_int_equal(handed.listeners[0].folder, 21);
	assert_int_equal(handed.listeners[0].made, 22);
	assert_int_equal(handed.listeners[1].fd, 30);
	assert_int_equal(handed.listeners[1].made, -1);
	offer.n_fds += 3;
	assert_int_equal(offer_read(&offer.message, offer.fds, offer.n_fds, 3, &handed), 0);
}

/* As many descriptors as it says, and paths that a socket can have. */
static void test_what_does_not_fit(void **state)
{
	char path[LISTENERS_PATH_MAX + 1];
	struct handed handed;

	(void)state;
	for (size_t n = 0; n <= offer.n_fds + 1; n++)
		if (n != offer.n_fds)
			assert_int_equal(offer_read(&offer.message, offer.fds, n, 0, &handed), -EPROTO);
	memset(path, '/', sizeof(path));
	path[LISTENERS_PATH_MAX] = '\0';
	offer.row[1].path = path;
	assert_int_equal(offer_read(&offer.message, offer.fds, offer.n_fds, 0, &handed), -EPROTO);
	path[LISTENERS_PATH_MAX - 1] = '\0';
	assert_int_equal(offer_read(&offer.message, offer.fds, offer.n_fds, 0, &handed), 0);
	offer.row[1].path = (char *)(uintptr_t) "relative";
	assert_int_equal(offer_read(&offer.message, offer.fds, offer.n_fds, 0, &handed), -EPROTO);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_both_ways, set_up),
		cmocka_unit_test_setup(test_what_does_not_fit, set_up),
	};

	log_open("test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
