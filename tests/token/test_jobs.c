/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of the real cekd-token, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>

#include <cmocka.h>

#include "misbehaving.h"
#include "proto/dgram.h"

static void asks_to_be_replaced(void **state)
{
	struct rig_worker worker;
	int asked = 0;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.memory_limit = 1}, NULL);
	for (int i = 0; i < 4096; i++)
		asked += forget(&worker, aes_id);
	assert_int_equal(asked, 1);
	assert_int_equal(rig_stop(&worker), 0);
	rig_start(&rig, &worker, &(struct rig_options){.memory_limit = 1ULL << 40}, NULL);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(forget(&worker, aes_id), 0);
	assert_int_equal(rig_stop(&worker), 0);
}

/* SoftHSM has a line for each ciphertext that it cannot decrypt, which a peer could fill the log with. */
static void a_module_cannot_log_what_peers_send(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	wrapped = wrap(&worker);
	shim->log_mask = 0;
	assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	assert_int_equal(shim->log_mask, LOG_UPTO(LOG_CRIT));
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

/* 50 jobs in the socket, then cekd says Drain, or is gone: all are answered, in order, then the worker ends. */
static void answers_what_it_has(void **state)
{
	for (int how = 0; how < 3; how++) {
		Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
		Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;
		Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
		Cek__Internal__V1__UnwrapJob op;
		Cek__Internal__V1__FromWorker *wrapped;
		struct rig_worker worker;

		(void)state;
		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
		wrapped = wrap(&worker);
		op = unwrap_job(wrapped);
		job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
		job.unwrap = &op;
		for (int i = 0; i < 50; i++)
			rig_send(&worker, &job);
		control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
		control.drain = &drain;
		if (how == 0)
			assert_int_equal(dgram_send(worker.control, &control.base, NULL, 0), 0);
		else if (how == 1)
			assert_int_equal(shutdown(worker.control, SHUT_RDWR), 0);
		else
			assert_int_equal(shutdown(worker.jobs, SHUT_WR), 0);
		for (uint64_t i = 0; i < 50; i++) {
			Cek__Internal__V1__FromWorker *answer = rig_receive(&worker);

			assert_non_null(answer);
			assert_int_equal(answer->result->id, job.id - 49 + i);
			assert_int_equal(answer->result->outcome, OUTCOME(OK));
			rig_free(answer);
		}
		assert_null(rig_receive(&worker));
		rig_free(wrapped);
		assert_int_equal(rig_stop(&worker), 0);
	}
}

/* Of one datagram each job is answered, in order; what is no job ends the worker once those before it are done. */
static void answers_all_jobs_of_a_datagram(void **state)
{
	enum { JOBS = 20 };
	uint8_t packed[DGRAM_MAX], bad[1024];
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	wrapped = wrap(&worker);
	for (int rubbish = 0; rubbish < 2; rubbish++) {
		Cek__Internal__V1__ToWorker message = CEK__INTERNAL__V1__TO_WORKER__INIT;
		Cek__Internal__V1__Job job[JOBS], *jobs[JOBS];
		Cek__Internal__V1__UnwrapJob good = unwrap_job(wrapped), broken = good;
		size_t len;

		memcpy(bad, good.encrypted_key.data, good.encrypted_key.len);
		bad[0] ^= 1;
		broken.encrypted_key.data = bad;
		for (uint64_t i = 0; i < JOBS; i++) {
			cek__internal__v1__job__init(&job[i]);
			job[i].id = 1000 + i;
			job[i].op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
			job[i].unwrap = i % 3 == 1 ? &broken : &good;
			jobs[i] = &job[i];
		}
		message.n_job = JOBS;
		message.job = jobs;
		len = cek__internal__v1__to_worker__pack(&message, packed);
		packed[len] = 0x0a; /* a job of 200 bytes, of which none is there */
		packed[len + 1] = 200;
		packed[len + 2] = 1;
		assert_true(send(worker.jobs, packed, len + (rubbish ? 3 : 0), 0) > 0);
		for (uint64_t i = 0; i < JOBS; i++) {
			Cek__Internal__V1__FromWorker *answer = rig_receive(&worker);

			assert_non_null(answer);
			assert_int_equal(answer->result->id, 1000 + i);
			assert_int_equal(answer->result->outcome, i % 3 == 1 ? OUTCOME(FAILED) : OUTCOME(OK));
			rig_free(answer);
		}
	}
	assert_null(rig_receive(&worker));
	rig_free(wrapped);
	assert_int_not_equal(rig_stop(&worker), 0);
}

/* The broker must learn of which job, or it would give it to the next worker. */
static void names_the_job_that_it_cannot_decode(void **state)
{
	/* ToWorker { Job { id = 300, a field that promises more bytes than there are } } */
	static const uint8_t broken[] = {0x0a, 5, 0x08, 0xac, 0x02, 0x12, 100};
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(worker.executing->job, 0);
	assert_int_equal(send(worker.jobs, broken, sizeof(broken), 0), sizeof(broken));
	assert_null(rig_receive(&worker));
	assert_int_equal(worker.executing->job, 300);
	assert_int_not_equal(rig_stop(&worker), 0);
}

/* Its broker does not do what it was written to do: cekd is told, and the worker ends. */
static void use_workers_do_not_manage(void **state)
{
	static uint8_t buffer[DGRAM_MAX];
	struct rig_worker worker;
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__DestroyJob destroy = CEK__INTERNAL__V1__DESTROY_JOB__INIT;
	Cek__Internal__V1__Control *said = NULL;
	ssize_t len;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	destroy.cka_id = (ProtobufCBinaryData){16, aes_id};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_DESTROY;
	job.destroy = &destroy;
	rig_send(&worker, &job);
	do {
		cek__internal__v1__control__free_unpacked(said, NULL);
		len = dgram_recv(worker.control, 0, buffer, sizeof(buffer), NULL, 0, NULL);
		assert_true(len > 0);
		said = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
		assert_non_null(said);
	} while (said->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_READY);
	assert_int_equal(said->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_BROKE);
	assert_false(said->broke->cekd);
	assert_string_equal(said->broke->how, "sent \"destroy\" to a use worker");
	cek__internal__v1__control__free_unpacked(said, NULL);
	assert_int_equal(WEXITSTATUS(rig_stop(&worker)), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(asks_to_be_replaced, behave),
		cmocka_unit_test_setup(a_module_cannot_log_what_peers_send, behave),
		cmocka_unit_test_setup(answers_what_it_has, behave),
		cmocka_unit_test_setup(answers_all_jobs_of_a_datagram, behave),
		cmocka_unit_test_setup(names_the_job_that_it_cannot_decode, behave),
		cmocka_unit_test_setup(use_workers_do_not_manage, behave),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, misbehaving_open, misbehaving_close);
}
