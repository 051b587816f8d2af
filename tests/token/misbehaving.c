/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "misbehaving.h"

struct rig rig;
struct shim *shim;
uint8_t aes_id[16] = "a known AES key";

int misbehaving_open(void **state)
{
	static const uint8_t key[32] = {1, 2, 3, 4};
	char path[96];
	int fd;

	(void)state;
	rig_open(&rig, rig_kind());
	snprintf(path, sizeof(path), "%s/shim", rig.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*shim)), 0);
	shim = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(shim, MAP_FAILED);
	close(fd);
	rig_use_shim(&rig, getenv("CEKD_SHIM_SO"), path);
	rig_create_aes(&rig, aes_id, key, sizeof(key));
	return 0;
}

int misbehaving_close(void **state)
{
	(void)state;
	munmap(shim, sizeof(*shim));
	rig_close(&rig);
	return 0;
}

int behave(void **state)
{
	(void)state;
	memset(shim, 0, sizeof(*shim));
	return 0;
}

void misbehave(const char *function, CK_RV rv, int times)
{
	strcpy(shim->function, function);
	shim->rv = rv;
	shim->times = times;
}

Cek__Internal__V1__FromWorker *wrap(struct rig_worker *worker)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, aes_id};
	op.alg = (char *)(uintptr_t) "A256GCMKW";
	op.cek_len = 32;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	return rig_call(worker, &job);
}

Cek__Internal__V1__UnwrapJob unwrap_job(const Cek__Internal__V1__FromWorker *wrapped)
{
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, aes_id};
	op.alg = (char *)(uintptr_t) "A256GCMKW";
	op.cek_len = 32;
	op.encrypted_key = wrapped->result->encrypted_key;
	op.params = wrapped->result->params;
	return op;
}

int unwrap(struct rig_worker *worker, const Cek__Internal__V1__FromWorker *wrapped)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op = unwrap_job(wrapped);
	Cek__Internal__V1__FromWorker *answer;
	int outcome;

	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	answer = rig_call(worker, &job);
	outcome = (int)answer->result->outcome;
	rig_free(answer);
	return outcome;
}

/* Until a job looks at the object of its key again. */
void let_a_second_pass(void)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 50000000};

	assert_int_equal(nanosleep(&second, NULL), 0);
}

int unwrap_as(struct rig_worker *worker, uint8_t *which)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t junk[24] = {1};
	int outcome;

	op.cka_id = (ProtobufCBinaryData){16, which};
	op.alg = (char *)(uintptr_t) "A128KW";
	op.cek_len = 16;
	op.encrypted_key = (ProtobufCBinaryData){sizeof(junk), junk};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	answer = rig_call(worker, &job);
	outcome = (int)answer->result->outcome;
	rig_free(answer);
	return outcome;
}

int wrap_as(struct rig_worker *worker, const char *alg, uint8_t *which, Cek__V1__PublicKey *public)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;
	int outcome;

	op.cka_id = (ProtobufCBinaryData){16, which};
	op.alg = (char *)(uintptr_t)alg;
	op.enc = (char *)(uintptr_t) "A128GCM";
	op.cek_len = 16;
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	answer = rig_call(worker, &job);
	outcome = (int)answer->result->outcome;
	rig_free(answer);
	return outcome;
}

int forget(struct rig_worker *worker, uint8_t *which)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__ForgetJob op = CEK__INTERNAL__V1__FORGET_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;
	int replace;

	op.cka_id = (ProtobufCBinaryData){16, which};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_FORGET;
	job.forget = &op;
	answer = rig_call(worker, &job);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	replace = answer->result->replace;
	rig_free(answer);
	return replace;
}

uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
