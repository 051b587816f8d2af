/* SPDX-License-Identifier: Apache-2.0 */
/* What cekd waits for reaches it, also when the pair was full. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/broker/net/parent_link.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__Control Control;

static struct turn turn;
static struct parent_link link_;
static const struct parent_link_events events;
static int cekd;

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(turn_init(&turn), 0);
	assert_int_equal(dgram_pair(pair), 0);
	cekd = pair[0];
	return parent_link_init(&link_, &turn, pair[1], &events, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	parent_link_deinit(&link_);
	turn_deinit(&turn);
	(void)close(cekd);
	return close(link_.fd);
}

static void fill(void)
{
	static const char full[DGRAM_MAX / 2];

	while (send(link_.fd, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

/* Reads all that has come; how much of it is of this kind. What fill() sent has the tag 0, and is no message. */
static unsigned heard(Cek__Internal__V1__Control__WhatCase kind)
{
	static uint8_t buffer[DGRAM_MAX];
	unsigned n = 0;
	ssize_t len;

	while ((len = recv(cekd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		Control *message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);

		n += message != NULL && message->what_case == kind;
		if (message != NULL)
			cek__internal__v1__control__free_unpacked(message, NULL);
	}
	return n;
}

static void test_reloaded(void **state)
{
	(void)state;
	parent_link_tell_reloaded(&link_);
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED), 1);
	fill();
	parent_link_tell_reloaded(&link_);
	parent_link_tell_reloaded(&link_);
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED), 0);
	parent_link_tell_state(&link_, true, NULL, "", 1);
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED), 2);
	parent_link_tell_state(&link_, true, NULL, "", 2);
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED), 0);
}

/* The question comes with what cekd has seen. */
static void ask(void)
{
	Cek__Internal__V1__AreYouThere question = CEK__INTERNAL__V1__ARE_YOU_THERE__INIT;
	Cek__Internal__V1__ProcessLook look = CEK__INTERNAL__V1__PROCESS_LOOK__INIT, *looks[] = {&look};
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	look.pid = 77;
	look.threads = 3;
	question.look = looks;
	question.n_look = 1;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE;
	message.are_you_there = &question;
	assert_int_equal(dgram_send(cekd, &message.base, NULL, 0), 0);
	turn_handle(&turn, true);
}

static void test_alive(void **state)
{
	(void)state;
	ask();
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE), 1);
	assert_null(parent_link_seen(&link_, 78));
	assert_int_equal(parent_link_seen(&link_, 77)->threads, 3);
	fill();
	ask();
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE), 0);
	parent_link_tell_state(&link_, true, NULL, "", 1);
	assert_int_equal(heard(CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reloaded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alive, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
