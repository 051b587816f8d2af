/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has a turn when: uids one after the other, and each in its own order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/queue.h"

struct waiting {
	struct link link;
	uint32_t uid;
	int number;
};

static struct queue queue;
static struct waiting all[100];

static int setup(void **state)
{
	(void)state;
	queue_init(&queue);
	for (int i = 0; i < 100; i++)
		all[i] = (struct waiting){.number = i};
	return 0;
}

static void add(int number, uint32_t uid)
{
	all[number].uid = uid;
	queue_add(&queue, &all[number].link, uid);
}

static int take(void)
{
	struct link *link = queue_take(&queue);

	return link ? list_entry(link, struct waiting, link)->number : -1;
}

static void test_one_uid_in_order(void **state)
{
	(void)state;
	assert_int_equal(take(), -1);
	for (int i = 0; i < 5; i++)
		add(i, 1000);
	assert_int_equal(queue.n, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(), i);
	assert_int_equal(take(), -1);
	assert_int_equal(queue.n, 0);
	assert_int_equal(queue.waiting, 0);
}

/* 63 and 64 are the last and the first share. */
static void test_uids_in_turn(void **state)
{
	static const int expected[] = {90, 92, 0, 91, 93, 1, 2, 3, 4};

	(void)state;
	add(99, 62); /* so that 63 is next */
	assert_int_equal(take(), 99);
	for (int i = 0; i < 5; i++)
		add(i, 1001);
	add(90, 63);
	add(91, 63);
	add(92, 64);
	add(93, 64);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(take(), expected[i]);
	assert_int_equal(take(), -1);
}

/* One who comes later has the next turn but one, however many wait. */
static void test_a_thousand_delay_by_one(void **state)
{
	(void)state;
	for (int i = 0; i < 90; i++)
		add(i, 33);
	assert_int_equal(take(), 0);
	add(95, 0);
	assert_int_equal(take(), 95);
	assert_int_equal(take(), 1);
	add(96, 40);
	add(97, 40);
	assert_int_equal(take(), 96);
	assert_int_equal(take(), 2);
	assert_int_equal(take(), 97);
}

static void test_what_comes_back_is_first(void **state)
{
	(void)state;
	add(1, 5);
	add(2, 5);
	assert_int_equal(take(), 1);
	queue_add_first(&queue, &all[1].link, 5);
	assert_int_equal(queue.n, 2);
	assert_int_equal(take(), 1);
	assert_int_equal(take(), 2);
}

static void test_remove(void **state)
{
	(void)state;
	add(1, 7);
	add(2, 7 + QUEUE_SHARES); /* the same share */
	add(3, 8);
	queue_remove(&queue, &all[1].link, 7);
	assert_int_equal(queue.n, 2);
	assert_int_equal(take(), 2);
	queue_remove(&queue, &all[3].link, 8);
	assert_int_equal(queue.n, 0);
	assert_int_equal(queue.waiting, 0);
	assert_int_equal(take(), -1);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_uid_in_order),
		TEST(test_uids_in_turn),
		TEST(test_a_thousand_delay_by_one),
		TEST(test_what_comes_back_is_first),
		TEST(test_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
