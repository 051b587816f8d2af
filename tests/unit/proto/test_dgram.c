/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

static uint8_t buffer[DGRAM_MAX];

static int open_pair(void **state)
{
	static int pair[2];

	*state = pair;
	return dgram_pair(pair);
}

static int close_pair(void **state)
{
	const int *pair = *state;

	(void)close(pair[0]);
	return pair[1] >= 0 ? close(pair[1]) : 0;
}

static int send_job(int fd, uint64_t id, uint8_t *cek, size_t len, const int *fds, size_t n_fds)
{
	Cek__Internal__V1__JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;

	result.id = id;
	result.cek = (ProtobufCBinaryData){.data = cek, .len = len};
	return dgram_send(fd, &result.base, fds, n_fds);
}

static void test_one_message_a_datagram(void **state)
{
	const int *pair = *state;
	Cek__Internal__V1__JobResult *result;
	ssize_t len;

	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(send_job(pair[0], id, NULL, 0, NULL, 0), 0);
	for (uint64_t id = 1; id <= 3; id++) {
		size_t n_fds = 77;

		len = dgram_recv(pair[1], 0, buffer, sizeof(buffer), NULL, 0, &n_fds);
		assert_true(len > 0);
		assert_int_equal(n_fds, 0);
		result = cek__internal__v1__job_result__unpack(NULL, (size_t)len, buffer);
		assert_non_null(result);
		assert_int_equal(result->id, id);
		cek__internal__v1__job_result__free_unpacked(result, NULL);
	}
	assert_int_equal(dgram_recv(pair[1], MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL), -EAGAIN);
}

static void test_end_of_stream(void **state)
{
	int *pair = *state;

	assert_int_equal(send_job(pair[1], 1, NULL, 0, NULL, 0), 0);
	(void)close(pair[1]);
	pair[1] = -1;
	assert_true(dgram_recv(pair[0], 0, buffer, sizeof(buffer), NULL, 0, NULL) > 0);
	assert_int_equal(dgram_recv(pair[0], 0, buffer, sizeof(buffer), NULL, 0, NULL), 0);
	assert_int_equal(send_job(pair[0], 1, NULL, 0, NULL, 0), -EPIPE);
}

/* It would read as the end of the stream. */
static void test_empty_message(void **state)
{
	const int *pair = *state;

	assert_int_equal(send_job(pair[0], 0, NULL, 0, NULL, 0), -EINVAL);
}

static void test_largest(void **state)
{
	const int *pair = *state;
	static uint8_t cek[DGRAM_MAX];
	const size_t overhead = 2 + 1 + 3; /* id; tag and length of cek */

	assert_int_equal(send_job(pair[0], 1, cek, DGRAM_MAX - overhead, NULL, 0), 0);
	assert_int_equal(dgram_recv(pair[1], 0, buffer, sizeof(buffer), NULL, 0, NULL), DGRAM_MAX);
	assert_int_equal(send_job(pair[0], 1, cek, DGRAM_MAX - overhead + 1, NULL, 0), -EMSGSIZE);
}

static void test_cut(void **state)
{
	const int *pair = *state;
	uint8_t cek[64] = {1, 2, 3}, small[32] = {0}, zero[32] = {0};

	assert_int_equal(send_job(pair[0], 1, cek, sizeof(cek), NULL, 0), 0);
	assert_int_equal(dgram_recv(pair[1], 0, small, sizeof(small), NULL, 0, NULL), -EMSGSIZE);
	assert_memory_equal(small, zero, sizeof(zero));
}

static void test_full_socket(void **state)
{
	const int *pair = *state;
	static uint8_t cek[60000];
	int r = 0;

	assert_int_equal(fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK), 0);
	for (int i = 0; i < 10000 && r == 0; i++)
		r = send_job(pair[0], 1, cek, sizeof(cek), NULL, 0);
	assert_int_equal(r, -EAGAIN);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_descriptors(void **state)
{
	const int *pair = *state;
	const int before = count_fds(), null = open("/dev/null", O_RDONLY);
	int fds[DGRAM_FDS_MAX + 1], got[DGRAM_FDS_MAX];
	struct stat a, b;
	size_t n = 0;

	assert_true(null >= 0);
	for (size_t i = 0; i <= DGRAM_FDS_MAX; i++)
		fds[i] = null;
	assert_int_equal(send_job(pair[0], 1, NULL, 0, fds, DGRAM_FDS_MAX + 1), -EINVAL);
	assert_int_equal(send_job(pair[0], 1, NULL, 0, fds, DGRAM_FDS_MAX), 0);
	assert_true(dgram_recv(pair[1], 0, buffer, sizeof(buffer), got, DGRAM_FDS_MAX, &n) > 0);
	assert_int_equal(n, DGRAM_FDS_MAX);
	assert_int_equal(fstat(null, &a), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fstat(got[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		(void)close(got[i]);
	}
	/* More than wanted: the rest does not stay open. */
	assert_int_equal(send_job(pair[0], 1, NULL, 0, fds, 5), 0);
	assert_true(dgram_recv(pair[1], 0, buffer, sizeof(buffer), got, 2, &n) > 0);
	assert_int_equal(n, 2);
	(void)close(got[0]);
	(void)close(got[1]);
	(void)close(null);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)
	static const struct CMUnitTest tests[] = {
		PAIR_TEST(test_one_message_a_datagram),
		PAIR_TEST(test_end_of_stream),
		PAIR_TEST(test_empty_message),
		PAIR_TEST(test_largest),
		PAIR_TEST(test_cut),
		PAIR_TEST(test_full_socket),
		PAIR_TEST(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
