/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/wipe.h"
#include "proto/cek.pb-c.h"
#include "proto/frame.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* AddressSanitizer makes mlock() do nothing and say that it did. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { LOCKS = 0 };
#else
enum { LOCKS = 1 };
#endif

static bool all_zero(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != 0)
			return false;
	return true;
}

static void test_wipe(void **state)
{
	uint8_t data[] = {1, 2, 3, 4};

	(void)state;
	wipe(data + 1, 2);
	assert_int_equal(data[0], 1);
	assert_int_equal(data[1] | data[2], 0);
	assert_int_equal(data[3], 4);
	wipe(NULL, 0);
}

static void test_alloc(void **state)
{
	struct arena arena = {0};
	uint8_t *a, *b;

	(void)state;
	assert_int_equal(arena_init(&arena, 1), 0);
	assert_true(arena.size >= 4096);
	a = arena_alloc(&arena, 1);
	b = arena_alloc(&arena, 17);
	assert_int_equal((uintptr_t)a % 16, 0);
	assert_int_equal(b - a, 16);
	assert_true(all_zero(a, 64));
	assert_non_null(arena_alloc(&arena, 0));
	arena_deinit(&arena);
	arena_deinit(&arena);
	assert_null(arena.base);
}

static void test_refuses_absurd_sizes(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_true(arena_init(&arena, 0) < 0);
	assert_true(arena_init(&arena, SIZE_MAX) < 0);
	assert_true(arena_init(&arena, SIZE_MAX / 2) < 0);
	assert_null(arena.base);
}

static void test_reset_wipes(void **state)
{
	struct arena arena = {0};
	uint8_t *a;

	(void)state;
	assert_int_equal(arena_init(&arena, 4096), 0);
	a = arena_alloc(&arena, 100);
	memset(a, 0xa5, 100);
	arena_allocator(&arena)->free(arena_allocator(&arena)->allocator_data, a);
	assert_int_equal(a[99], 0xa5);
	arena_reset(&arena);
	assert_true(all_zero(a, 4096));
	assert_ptr_equal(arena_alloc(&arena, 1), a);
	arena_deinit(&arena);
}

static void test_full(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_int_equal(arena_init(&arena, 4096), 0);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 8));
	assert_null(arena_alloc(&arena, arena.size + 1));
	assert_true(arena.full);
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, arena.size - 16));
	assert_false(arena.full);
	assert_null(arena_alloc(&arena, 17));
	assert_true(arena.full);
	assert_non_null(arena_alloc(&arena, 16));
	assert_null(arena_alloc(&arena, 1));
	assert_null(arena_alloc(&arena, 0));
	arena_deinit(&arena);
}

static void test_part(void **state)
{
	struct arena arena = {0}, part;
	uint8_t *base, *a;

	(void)state;
	assert_int_equal(arena_init(&arena, 4096), 0);
	base = arena_alloc(&arena, 64);
	arena_over(&part, base, 64);
	a = arena_alloc(&part, 64);
	assert_ptr_equal(a, base);
	assert_null(arena_alloc(&part, 1));
	memset(a, 1, 64);
	arena_reset(&part);
	assert_true(all_zero(base, 64));
	arena_deinit(&arena);
}

static void test_not_in_children(void **state)
{
	struct arena arena = {0};
	uint8_t *a;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(arena_init(&arena, 4096), 0);
	a = arena_alloc(&arena, 32);
	memset(a, 0xa5, 32);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(all_zero(a, 32) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(a[31], 0xa5);
	arena_deinit(&arena);
}

/* "dd": not in core dumps; "lo": locked. */
static void test_flags_of_mapping(void **state)
{
	struct arena arena = {0};
	char line[512], flags[512] = "";
	unsigned long from, to;
	FILE *file;
	bool here = false;

	(void)state;
	assert_int_equal(arena_init(&arena, 4096), 0);
	file = fopen("/proc/self/smaps", "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from <= (uintptr_t)arena.base && (uintptr_t)arena.base < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			strcpy(flags, line);
	}
	fclose(file);
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	if (arena.locked && LOCKS)
		assert_non_null(strstr(flags, " lo"));
	arena_deinit(&arena);
}

/* 64 KiB of the shortest entries of a repeated message need more than 1 MiB as structs. */
static void test_bomb_does_not_decode(void **state)
{
	static uint8_t bomb[FRAME_BODY_MAX];
	struct arena arena = {0};
	Cek__V1__ListKeysReply *reply;

	(void)state;
	for (size_t i = 0; i < sizeof(bomb); i += 2)
		bomb[i] = 0x0a; /* field 1, length-delimited, 0 bytes */
	assert_int_equal(arena_init(&arena, 1 << 20), 0);
	assert_null(cek__v1__list_keys_reply__unpack(arena_allocator(&arena), sizeof(bomb), bomb));
	assert_true(arena.used <= arena.size);
	arena_reset(&arena);
	reply = cek__v1__list_keys_reply__unpack(arena_allocator(&arena), 64, bomb);
	assert_non_null(reply);
	assert_int_equal(reply->n_key, 32);
	arena_deinit(&arena);
}

/* protobuf-c leaves the first copy of a field that came twice behind: the reset must reach it. */
static void test_duplicates_are_wiped(void **state)
{
	static const uint8_t twice[] = {0x0a, 4, 'S', 'E', 'C', '1', 0x0a, 4, 'S', 'E', 'C', '2'};
	struct arena arena = {0};
	Cek__V1__UnwrapReply *reply;

	(void)state;
	assert_int_equal(arena_init(&arena, 4096), 0);
	reply = cek__v1__unwrap_reply__unpack(arena_allocator(&arena), sizeof(twice), twice);
	assert_non_null(reply);
	assert_memory_equal(reply->cek.data, "SEC2", 4);
	assert_non_null(memmem(arena.base, arena.size, "SEC1", 4));
	cek__v1__unwrap_reply__free_unpacked(reply, arena_allocator(&arena));
	arena_reset(&arena);
	assert_true(all_zero(arena.base, arena.size));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_refuses_absurd_sizes),
		cmocka_unit_test(test_reset_wipes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_not_in_children),
		cmocka_unit_test(test_flags_of_mapping),
		cmocka_unit_test(test_bomb_does_not_decode),
		cmocka_unit_test(test_duplicates_are_wiped),
	};

	return cmocka_run_group_tests_name("wipe", tests, NULL, NULL);
}
