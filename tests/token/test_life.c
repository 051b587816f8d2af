/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, errors and end of the real cekd-token: a module that misbehaves stands between it and the token.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/token/hang.h"
#include "proto/alg.h"
#include "proto/dgram.h"
#include "rig.h"
#include "shim.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name
#define FAILING(name) CEK__INTERNAL__V1__FAILING__CLASS__##name

static struct rig rig;
static struct shim *shim;
static uint8_t id[16] = "a known AES key";

static int set_up(void **state)
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
	rig_create_aes(&rig, id, key, sizeof(key));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	munmap(shim, sizeof(*shim));
	rig_close(&rig);
	return 0;
}

static int behave(void **state)
{
	(void)state;
	memset(shim, 0, sizeof(*shim));
	return 0;
}

static Cek__Internal__V1__FromWorker *wrap(struct rig_worker *worker);
static int unwrap_as(struct rig_worker *worker, uint8_t *other);
static int wrap_as(struct rig_worker *worker, const char *alg, uint8_t *which, Cek__V1__PublicKey *public);
static int forget(struct rig_worker *worker, uint8_t *which);

static void misbehave(const char *function, CK_RV rv, int times)
{
	strcpy(shim->function, function);
	shim->rv = rv;
	shim->times = times;
}

/* ---- starting
 * -------------------------------------------------------------------------------------------------------- */

static void expect_failing(const struct rig_options *options, int class, const char *says)
{
	struct rig_worker worker;
	Cek__Internal__V1__Control *control;

	rig_start(&rig, &worker, options, &control);
	assert_null(worker.hello);
	assert_non_null(control);
	assert_int_equal(control->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_FAILING);
	if ((int)control->failing->class_ != class || !strstr(control->failing->why, says))
		fail_msg("class %d: %s", control->failing->class_, control->failing->why);
	cek__internal__v1__control__free_unpacked(control, NULL);
	assert_int_not_equal(rig_stop(&worker), 0);
}

static void says_which_tokens_there_are(void **state)
{
	(void)state;
	expect_failing(&(struct rig_options){.uri = "pkcs11:token=wrong"}, FAILING(CONFIGURATION),
		rig.nss ? "NSS" : "\"cekd-test\"");
	expect_failing(&(struct rig_options){.uri = "pkcs11:token=x?pin-value=1234"}, FAILING(CONFIGURATION),
		"pin-value");
	expect_failing(&(struct rig_options){.uri = "pkcs11:tokn=x"}, FAILING(CONFIGURATION), "attribute");
	expect_failing(&(struct rig_options){.uri = "file:/x"}, FAILING(CONFIGURATION), "RFC 7512");
	expect_failing(&(struct rig_options){.module = "/nonexistent.so"}, FAILING(CONFIGURATION), "/nonexistent.so");
	assert_int_equal(shim->logins, 0);
}

static void tries_a_wrong_pin_once(void **state)
{
	(void)state;
	expect_failing(&(struct rig_options){.pin = "wrong-pin"}, FAILING(PIN), "CKR_PIN_INCORRECT");
	assert_int_equal(shim->logins, 1);
	expect_failing(&(struct rig_options){.pin = "\n"}, FAILING(PIN), "pin-file");
	assert_int_equal(shim->logins, 1);
}

static void does_not_use_up_the_last_try(void **state)
{
	struct rig_worker worker;

	(void)state;
	shim->token_flags = CKF_USER_PIN_FINAL_TRY;
	expect_failing(&(struct rig_options){0}, FAILING(PIN), "one more wrong try");
	shim->token_flags = CKF_USER_PIN_LOCKED;
	expect_failing(&(struct rig_options){0}, FAILING(PIN), "locked");
	assert_int_equal(shim->logins, 0);
	shim->token_flags = CKF_USER_PIN_COUNT_LOW;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->logins, 1);
	assert_int_equal(rig_stop(&worker), 0);
}

/* ---- what the token can do
 * -------------------------------------------------------------------------------------------- */

static const Cek__V1__AlgStatus *alg_in(Cek__V1__AlgStatus *const *row, size_t n, const char *alg)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(row[i]->alg, alg) == 0)
			return row[i];
	return NULL;
}

/* What the worker said last. */
static const Cek__V1__AlgStatus *said(const struct rig_worker *worker, const char *alg)
{
	const Cek__V1__AlgStatus *status = worker->news
		? alg_in(worker->news->news->alg, worker->news->news->n_alg, alg)
		: alg_in(worker->hello->hello->alg, worker->hello->hello->n_alg, alg);

	assert_non_null(status);
	return status;
}

/* All that good says, in the end, without another worker. */
static void expect_all_of(const struct rig_worker *good, struct rig_worker *worker)
{
	for (size_t i = 0; alg_row(i); i++) {
		const char *alg = alg_row(i)->name;

		while (strcmp(said(worker, alg)->how, said(good, alg)->how) != 0)
			if (!rig_wait_for_news(worker))
				fail_msg("%s: %s: %s", shim->function, alg, said(worker, alg)->how);
	}
}

/* One call that fails, whichever, is no answer to the question what the token can do. */
static void one_failed_call_switches_nothing_off(void **state)
{
	static const char *functions[] = {
		"C_GenerateKey",
		"C_GenerateKeyPair",
		"C_EncryptInit",
		"C_Encrypt",
		"C_DecryptInit",
		"C_Decrypt",
		"C_CreateObject",
		"C_WrapKey",
		"C_UnwrapKey",
		"C_DeriveKey",
		"C_DestroyObject",
		"C_GetAttributeValue",
	};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY};
	enum { CALLS = 8 };
	struct rig_worker good;
	size_t failed = 0;

	(void)state;
	rig_start(&rig, &good, &(struct rig_options){0}, NULL);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		for (int call = 0; call < CALLS; call++) {
			struct rig_worker worker;

			misbehave(functions[i], codes[(i + (size_t)call) % 3], 1);
			shim->skip = call;
			rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
			expect_all_of(&good, &worker);
			failed += shim->times == 0;
			assert_int_equal(rig_stop(&worker), 0);
			if (shim->times > 0)
				break; /* it is not called so often */
		}
	assert_true(failed > 40);
	behave(NULL);
	assert_int_equal(rig_stop(&good), 0);
}

/* As long as it lasts nobody is told that the token cannot do it; afterwards it is found out by itself. */
static void tries_again_what_was_not_refused(void **state)
{
	struct rig_worker good, worker;
	Cek__Internal__V1__FromWorker *answer;

	(void)state;
	rig_start(&rig, &good, &(struct rig_options){0}, NULL);
	misbehave("C_GenerateKey", CKR_DEVICE_ERROR, -1);
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	assert_false(said(&worker, "A256GCMKW")->available);
	assert_non_null(strstr(said(&worker, "A256GCMKW")->how, "not tried successfully yet"));
	assert_non_null(strstr(said(&worker, "A256GCMKW")->how, "CKR_DEVICE_ERROR"));
	assert_true(said(&worker, "RSA-OAEP")->available);
	answer = wrap(&worker);
	assert_int_equal(answer->result->outcome, OUTCOME(UNTRIED));
	rig_free(answer);
	behave(NULL);
	expect_all_of(&good, &worker);
	answer = wrap(&worker);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	rig_free(answer);
	assert_int_equal(rig_stop(&worker), 0);
	/* What it refuses is known at once. */
	misbehave("C_GenerateKey", CKR_MECHANISM_INVALID, -1);
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_null(strstr(said(&worker, "A256GCMKW")->how, "yet"));
	answer = wrap(&worker);
	assert_int_equal(answer->result->outcome, OUTCOME(UNSUPPORTED));
	rig_free(answer);
	assert_int_equal(rig_stop(&worker), 0);
	behave(NULL);
	assert_int_equal(rig_stop(&good), 0);
}

static uint64_t now_us(void);

/* What takes long is not repeated at the start, and jobs that need it let the worker try again ever less often: those
 * of others wait meanwhile. */
static void tries_seldom_what_takes_long(void **state)
{
	struct rig_worker worker;
	uint64_t began;

	(void)state;
	shim->pair_ms = 600;
	misbehave("C_DecryptInit", CKR_FUNCTION_FAILED, -1);
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->rsa_pairs, 1);
	began = now_us();
	do {
		const struct timespec pause = {.tv_nsec = 20000000};

		assert_int_equal(wrap_as(&worker, "RSA-OAEP", id, NULL), OUTCOME(UNTRIED));
		nanosleep(&pause, NULL);
	} while (now_us() < began + 10000000);
	assert_in_range(shim->rsa_pairs, 2, 5);
	assert_int_equal(rig_stop(&worker), 0);
}

/* The log of a worker that starts, and gets over its doubts if they end. */
static void start_and_log(char *ret_text, size_t size, bool end)
{
	struct rig_worker worker;
	char path[96];
	int kept = dup(STDERR_FILENO), fd;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/log", rig.dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && kept >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
	close(kept);
	if (end) {
		/* Two tries that change nothing. */
		const int before = shim->rsa_pairs;

		while (shim->rsa_pairs < before + 2)
			assert_int_equal(wrap_as(&worker, "RSA-OAEP", id, NULL), OUTCOME(UNTRIED));
		behave(NULL);
		assert_true(rig_wait_for_news(&worker));
	}
	assert_int_equal(rig_stop(&worker), 0);
	len = pread(fd, ret_text, size - 1, 0);
	assert_true(len >= 0);
	ret_text[len] = '\0';
	close(fd);
}

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

/* One line a change, which names what is in doubt. */
static void logs_once_what_is_in_doubt(void **state)
{
	static char text[8192];

	(void)state;
	misbehave("C_GenerateKeyPair", CKR_DEVICE_ERROR, -1);
	start_and_log(text, sizeof(text), true);
	assert_int_equal(count_of(text, "not known yet"), 1);
	assert_non_null(strstr(text, "RSA-OAEP (the token says CKR_DEVICE_ERROR), P-256 (the token says"));
	assert_non_null(strstr(text, "X25519 ("));
	assert_null(strstr(text, "AES"));
	assert_int_equal(count_of(text, "is known now"), 1);
	misbehave("C_GenerateKey", CKR_DEVICE_ERROR, -1);
	start_and_log(text, sizeof(text), false);
	assert_int_equal(count_of(text, "not known yet: AES key wrap and AES-GCM (the token says CKR_DEVICE_ERROR);"),
		1);
	assert_int_equal(count_of(text, "is known now"), 0);
}

/* A module with threads of its own must be able to lock; one that cannot lock serves nevertheless. */
static void lets_the_module_lock(void **state)
{
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->init_flags, CKF_OS_LOCKING_OK);
	assert_int_equal(shim->initialized, 1);
	assert_int_equal(rig_stop(&worker), 0);
	misbehave("C_Initialize", CKR_CANT_LOCK, 1);
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->init_flags, 0);
	assert_int_equal(shim->initialized, 3);
	assert_int_equal(rig_stop(&worker), 0);
}

/* ---- errors
 * ---------------------------------------------------------------------------------------------------------- */

static Cek__Internal__V1__FromWorker *wrap(struct rig_worker *worker)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t) "A256GCMKW";
	op.cek_len = 32;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	return rig_call(worker, &job);
}

static Cek__Internal__V1__UnwrapJob unwrap_job(const Cek__Internal__V1__FromWorker *wrapped)
{
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t) "A256GCMKW";
	op.cek_len = 32;
	op.encrypted_key = wrapped->result->encrypted_key;
	op.params = wrapped->result->params;
	return op;
}

static int unwrap(struct rig_worker *worker, const Cek__Internal__V1__FromWorker *wrapped)
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

static void gets_over_lost_sessions_logins_and_handles(void **state)
{
	static const CK_RV codes[] = {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_OPERATION_ACTIVE,
		CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID};
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	assert_int_equal(wrapped->result->outcome, OUTCOME(OK));
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		misbehave("C_Decrypt", codes[i], 1);
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	}
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

static void ends_when_the_token_is_gone(void **state)
{
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_SESSION_CLOSED,
		CKR_OBJECT_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_VENDOR_DEFINED | 7};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct rig_worker worker;
		Cek__Internal__V1__FromWorker *wrapped;
		Cek__Internal__V1__Control *control;

		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
		wrapped = wrap(&worker);
		/* Every other time before anything has been unwrapped. */
		if (i % 2 == 0)
			assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		misbehave("C_Decrypt", codes[i], -1);
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(UNAVAILABLE));
		control = rig_control(&worker);
		assert_non_null(control);
		assert_int_equal(control->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_FAILING);
		assert_int_equal(control->failing->class_, FAILING(TOKEN));
		cek__internal__v1__control__free_unpacked(control, NULL);
		assert_null(rig_receive(&worker));
		rig_free(wrapped);
		behave(NULL);
		assert_int_not_equal(rig_stop(&worker), 0);
	}
}

/* One error with a token that works otherwise is the ciphertext's fault: the canary says so. */
static void stays_when_only_the_ciphertext_is_bad(void **state)
{
	static const CK_RV codes[] = {CKR_GENERAL_ERROR, CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED};
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	/* Before anything has been unwrapped, and after. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			misbehave("C_Decrypt", codes[i], 1);
			assert_int_equal(unwrap(&worker, wrapped), OUTCOME(FAILED));
		}
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	}
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

/* Until a job looks at the object of its key again. */
static void let_a_second_pass(void)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 50000000};

	assert_int_equal(nanosleep(&second, NULL), 0);
}

/* What the token says before it has been given a ciphertext is not about the ciphertext. */
static void says_failed_of_a_ciphertext_alone(void **state)
{
	static const char *functions[] = {"C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
		"C_GetAttributeValue", "C_DecryptInit"};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_HOST_MEMORY,
		CKR_VENDOR_DEFINED | 7};
	enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]), CALLS = 8 };
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped, *answer;
	int failed = 0;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	for (size_t i = 0; i < FUNCTIONS; i++)
		for (int call = 0; call < CALLS; call++) {
			const CK_RV rv = codes[(i + (size_t)call) % 5];

			/* One call that fails, whichever, as the key is looked up. */
			assert_int_equal(forget(&worker, id), 0);
			shim->skip = call;
			misbehave(functions[i], rv, 1);
			assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
			failed += shim->times == 0;
			assert_int_equal(forget(&worker, id), 0);
			shim->skip = call;
			misbehave(functions[i], rv, 1);
			answer = wrap(&worker);
			assert_int_equal(answer->result->outcome, OUTCOME(OK));
			rig_free(answer);
			behave(NULL);
		}
	assert_true(failed > 8);
	/* As the object is looked at again. */
	for (size_t i = 0; i < 5; i++) {
		let_a_second_pass();
		misbehave("C_GetAttributeValue", codes[i], 1);
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		assert_int_equal(shim->times, 0);
	}
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

static uint8_t other_id[16] = "another AES key";

/* A token that says nothing of one key, and serves another: no fault of the ciphertext, no end, and no answer that
 * would let a peer throw anything away. */
static void waits_for_a_token_that_does_not_find(void **state)
{
	static const uint8_t key[16] = {6};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR};
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;

	(void)state;
	rig_create_aes(&rig, other_id, key, sizeof(key));
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	for (size_t i = 0; i < 2; i++) {
		Cek__Internal__V1__FromWorker *answer;

		let_a_second_pass();
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		misbehave("C_FindObjectsInit", codes[i], -1);
		assert_int_equal(unwrap_as(&worker, other_id), OUTCOME(UNAVAILABLE));
		assert_int_equal(wrap_as(&worker, "A128KW", other_id, NULL), OUTCOME(UNAVAILABLE));
		/* Nor is the wrap itself that goes wrong. */
		behave(NULL);
		misbehave("C_EncryptInit", codes[i], 2);
		answer = wrap(&worker);
		assert_int_equal(answer->result->outcome, OUTCOME(UNAVAILABLE));
		rig_free(answer);
		behave(NULL);
	}
	assert_int_equal(unwrap_as(&worker, other_id), OUTCOME(FAILED));
	assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

static void does_not_log_in_again_with_a_pin_that_was_refused(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	Cek__Internal__V1__Control *control;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	wrapped = wrap(&worker);
	shim->token_flags = CKF_USER_PIN_FINAL_TRY;
	misbehave("C_Decrypt", CKR_USER_NOT_LOGGED_IN, -1);
	assert_int_equal(unwrap(&worker, wrapped), OUTCOME(UNAVAILABLE));
	control = rig_control(&worker);
	assert_int_equal(control->failing->class_, FAILING(PIN));
	cek__internal__v1__control__free_unpacked(control, NULL);
	assert_int_equal(shim->logins, 1);
	rig_free(wrapped);
	assert_int_not_equal(rig_stop(&worker), 0);
}

static void dies_of_a_call_that_hangs(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op;
	int status;

	(void)state;
	/* Its setup, with an RSA key pair, has four times as long, and shall not die of it on a loaded machine. */
	rig_start(&rig, &worker, &(struct rig_options){.call_seconds = 5}, NULL);
	wrapped = wrap(&worker);
	misbehave("C_Decrypt", CKR_OK, -1);
	shim->hangs = 1;
	op = unwrap_job(wrapped);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	rig_send(&worker, &job);
	assert_null(rig_receive(&worker));
	rig_free(wrapped);
	status = rig_stop(&worker);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HANG_EXIT);
}

/* More time than for a job is for a try alone, not for each job as long as something is in doubt. */
static void a_doubt_gives_no_job_more_time(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op;
	uint64_t began;

	(void)state;
	misbehave("C_GenerateKeyPair", CKR_FUNCTION_FAILED, -1);
	rig_start(&rig, &worker, &(struct rig_options){.call_seconds = 8}, NULL);
	wrapped = wrap(&worker);
	shim->hangs = 1;
	strcpy(shim->function, "C_Decrypt");
	op = unwrap_job(wrapped);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	began = now_us();
	rig_send(&worker, &job);
	assert_null(rig_receive(&worker));
	assert_true(now_us() < began + 24000000);
	rig_free(wrapped);
	assert_int_equal(WEXITSTATUS(rig_stop(&worker)), HANG_EXIT);
}

/* ---- looking for keys
 * ------------------------------------------------------------------------------------------------ */

static int unwrap_as(struct rig_worker *worker, uint8_t *other)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t junk[24] = {1};
	int outcome;

	op.cka_id = (ProtobufCBinaryData){16, other};
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

static void finds_what_others_made_later(void **state)
{
	static const uint8_t key[16] = {9};
	uint8_t missing[16] = "not there", hidden[16] = "made in secret";
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->initialized, 1);
	assert_int_equal(unwrap_as(&worker, missing), OUTCOME(MISSING));
	assert_int_equal(shim->initialized, 2);
	/* Not again so soon for the same one, but once for another. */
	assert_int_equal(unwrap_as(&worker, missing), OUTCOME(MISSING));
	assert_int_equal(shim->initialized, 2);
	rig_create_aes(&rig, hidden, key, sizeof(key));
	shim->blind = 1;
	assert_int_equal(unwrap_as(&worker, hidden), OUTCOME(FAILED));
	assert_int_equal(shim->initialized, 3);
	assert_int_equal(rig_stop(&worker), 0);
}

static void two_keys_of_one_id_are_none(void **state)
{
	static const uint8_t one[16] = {9}, other[16] = {10};
	uint8_t twin[16] = "twins";
	struct rig_worker worker;

	(void)state;
	/* NSS overwrites an object that has the same CKA_ID, so it never holds two. */
	if (rig.nss)
		skip();
	rig_create_aes(&rig, twin, one, sizeof(one));
	rig_create_aes(&rig, twin, other, sizeof(other));
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(unwrap_as(&worker, twin), OUTCOME(AMBIGUOUS));
	assert_int_equal(rig_stop(&worker), 0);
}

static int wrap_as(struct rig_worker *worker, const char *alg, uint8_t *which, Cek__V1__PublicKey *public)
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

/* A key of another size, or for another use, is not the version's: it is missing, for a worker that knew the version's
 * own and for one that never did. */
static void an_aes_key_of_another_size_is_none(void **state)
{
	static const uint8_t key[32] = {5};
	uint8_t which[16] = "replaced";
	struct rig_worker worker;
	CK_OBJECT_HANDLE object = rig_create_aes(&rig, which, key, 32);
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE uses[] = {{CKA_DECRYPT, &no, 1}, {CKA_UNWRAP, &no, 1}};

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	assert_int_equal(wrap_as(&worker, "A256KW", which, NULL), OUTCOME(OK));
	assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
	object = rig_create_aes(&rig, which, key, 16);
	for (int i = 0; i < 2; i++) {
		let_a_second_pass();
		assert_int_equal(wrap_as(&worker, "A256KW", which, NULL), OUTCOME(MISSING));
		assert_int_equal(wrap_as(&worker, "A256GCMKW", which, NULL), OUTCOME(MISSING));
		assert_int_equal(wrap_as(&worker, "A128KW", which, NULL), OUTCOME(OK));
		assert_int_equal(rig_stop(&worker), 0);
		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	}
	assert_int_equal(rig.f->C_SetAttributeValue(rig.session, object, uses, 2), CKR_OK);
	assert_int_equal(wrap_as(&worker, "A128KW", which, NULL), OUTCOME(MISSING));
	assert_int_equal(rig_stop(&worker), 0);
}

/* Each of them is tried, and takes no memory from the next. */
static void finds_its_own_among_many(void **state)
{
	static uint8_t x[32] = {0x39, 0x2c, 0x4b, 0xba, 0x3e, 0x61, 0x06, 0x24, 0x44, 0x57, 0xd5, 0x1d, 0xbb, 0x46,
		0xa1, 0x98, 0xd6, 0x2b, 0x95, 0x3b, 0xef, 0x29, 0x4a, 0x13, 0x36, 0x92, 0x0e, 0x63, 0xcc, 0x49, 0x40,
		0xcd},
		       y[32] = {0xe5, 0x0c, 0x82, 0x1a, 0xd6, 0xaf, 0x84, 0x9d, 0xb3, 0xc3, 0xd7, 0xbf, 0x6b, 0x59,
			       0x4c, 0x91, 0xfc, 0xfd, 0x86, 0x79, 0x56, 0x88, 0x22, 0x09, 0x5f, 0xde, 0xd5, 0x82, 0x87,
			       0x14, 0x6b, 0xd2};
	Cek__V1__PublicKey public = CEK__V1__PUBLIC_KEY__INIT;
	uint8_t which[16] = "one of 1001", d[32] = {0};
	struct rig_worker worker;

	(void)state;
	if (rig.nss)
		skip(); /* holds no two of one CKA_ID */
	/* In the middle, in whichever order they are found. */
	for (int i = 0; i <= 1000; i++) {
		d[31] = i == 500 ? 73 : 74;
		rig_create_ec(&rig, which, "P-256", d, sizeof(d), x, y, 32);
	}
	public.kty = (char *)(uintptr_t) "EC";
	public.crv = (char *)(uintptr_t) "P-256";
	public.x = (ProtobufCBinaryData){32, x};
	public.y = (ProtobufCBinaryData){32, y};
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(wrap_as(&worker, "ECDH-ES", which, &public), OUTCOME(OK));
	assert_int_equal(rig_stop(&worker), 0);
}

static int forget(struct rig_worker *worker, uint8_t *which)
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

static void forgets(void **state)
{
	static const uint8_t key[16] = {7};
	uint8_t doomed[16] = "doomed";
	struct rig_worker worker;
	CK_OBJECT_HANDLE object = rig_create_aes(&rig, doomed, key, sizeof(key));

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(FAILED));
	assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
	assert_int_equal(shim->copies, 1);
	assert_int_equal(forget(&worker, doomed), 0);
	assert_int_equal(shim->copies, 0);
	assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(MISSING));
	assert_int_equal(rig_stop(&worker), 0);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* With a session copy and without: once the worker has seen that the object is gone it does not find the key, whatever
 * it kept of it; and it sees that with its first job that comes a second after the one before. */
static void does_not_outlive_the_object(void **state)
{
	static const uint8_t key[16] = {7};

	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		uint8_t doomed[16] = {'d', 'o', 'o', 'm', 'e', 'd', (uint8_t)copy};
		struct rig_worker worker;
		CK_OBJECT_HANDLE object = rig_create_aes(&rig, doomed, key, sizeof(key));
		uint64_t gone;
		int outcome;

		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = copy}, NULL);
		assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(FAILED));
		assert_int_equal(shim->copies, copy);
		assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
		gone = now_us();
		do {
			const uint64_t asked = now_us();

			outcome = unwrap_as(&worker, doomed);
			/* A worker that was seen to be slow is not blamed: what counts is when it was asked. */
			assert_true(outcome == OUTCOME(MISSING) || asked < gone + 1100000);
		} while (outcome != OUTCOME(MISSING));
		assert_int_equal(shim->copies, 0);
		for (int i = 0; i < 100; i++)
			assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(MISSING));
		if (copy) {
			rig_create_aes(&rig, doomed, key, sizeof(key));
			while (unwrap_as(&worker, doomed) != OUTCOME(FAILED))
				assert_true(now_us() < gone + 120000000);
		}
		assert_int_equal(rig_stop(&worker), 0);
	}
}

/* One look a second at a key that is in use, none at one that is not. */
static void looks_at_the_object_once_a_second(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	uint64_t began;
	int before, jobs = 0;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	before = shim->reads;
	began = now_us();
	do {
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		jobs++;
	} while (now_us() < began + 2500000);
	assert_in_range(shim->reads - before, jobs > 100, 1 + (int)((now_us() - began) / 1000000));
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

/* ---- jobs and the end
 * ------------------------------------------------------------------------------------------------ */

static void asks_to_be_replaced(void **state)
{
	struct rig_worker worker;
	int asked = 0;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.memory_limit = 1}, NULL);
	for (int i = 0; i < 4096; i++)
		asked += forget(&worker, id);
	assert_int_equal(asked, 1);
	assert_int_equal(rig_stop(&worker), 0);
	rig_start(&rig, &worker, &(struct rig_options){.memory_limit = 1ULL << 40}, NULL);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(forget(&worker, id), 0);
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

static void use_workers_do_not_manage(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__DestroyJob destroy = CEK__INTERNAL__V1__DESTROY_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	destroy.cka_id = (ProtobufCBinaryData){16, id};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_DESTROY;
	job.destroy = &destroy;
	answer = rig_call(&worker, &job);
	assert_int_equal(answer->result->outcome, OUTCOME(UNSUPPORTED));
	rig_free(answer);
	answer = wrap(&worker);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	rig_free(answer);
	assert_int_equal(rig_stop(&worker), 0);
}

static void generation_is_tried_again(void **state)
{
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.manage = true}, NULL);
	for (int errors = 1; errors <= 31; errors += 30) {
		Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
		Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;
		uint8_t fresh[16] = {0xee, (uint8_t)errors};
		Cek__Internal__V1__FromWorker *answer;

		op.label = (char *)(uintptr_t) "label";
		op.cka_id = (ProtobufCBinaryData){16, fresh};
		op.alg = (char *)(uintptr_t) "A256GCMKW";
		job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
		job.generate = &op;
		misbehave("C_GenerateKey", CKR_GENERAL_ERROR, errors);
		answer = rig_call(&worker, &job);
		assert_int_equal(answer->result->outcome, errors == 1 ? OUTCOME(OK) : OUTCOME(INTERNAL));
		rig_free(answer);
	}
	assert_int_equal(rig_stop(&worker), 0);
}

static CK_ULONG count_objects(const uint8_t *cka_id)
{
	CK_ATTRIBUTE template = {CKA_ID, (void *)(uintptr_t)cka_id, 16};
	CK_OBJECT_HANDLE objects[8];
	CK_ULONG n = 0;

	assert_int_equal(rig.f->C_FindObjectsInit(rig.session, &template, 1), CKR_OK);
	assert_int_equal(rig.f->C_FindObjects(rig.session, objects, 8, &n), CKR_OK);
	assert_int_equal(rig.f->C_FindObjectsFinal(rig.session), CKR_OK);
	return n;
}

static Cek__Internal__V1__FromWorker *generate_ec(struct rig_worker *worker, uint8_t number, uint8_t cka_id[16])
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;

	memset(cka_id, 0xdd, 16);
	cka_id[15] = number;
	op.label = (char *)(uintptr_t) "label";
	op.cka_id = (ProtobufCBinaryData){16, cka_id};
	op.alg = (char *)(uintptr_t) "ECDH-ES+A256KW";
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &op;
	return rig_call(worker, &job);
}

/* A pair whose thumbprint begins with "-" is made again, and goes. */
static void makes_no_kid_that_begins_with_a_dash(void **state)
{
	Cek__Internal__V1__FromWorker *answer;
	struct rig_worker worker;
	uint8_t cka_id[16];

	(void)state;
	if (rig.nss)
		skip(); /* does not create EC keys of such a template */
	rig_start(&rig, &worker, &(struct rig_options){.manage = true}, NULL);
	for (uint8_t pairs = 0; pairs < 3; pairs++) {
		shim->dashed = pairs;
		answer = generate_ec(&worker, pairs, cka_id);
		if (answer->result->outcome != OUTCOME(OK))
			fail_msg("%s", answer->result->text);
		assert_int_equal(answer->result->outcome, OUTCOME(OK));
		assert_int_equal(shim->dashed, 0);
		assert_int_equal(strlen(answer->result->kid), 43);
		assert_int_not_equal(answer->result->kid[0], '-');
		assert_int_equal(count_objects(cka_id), 2);
		rig_free(answer);
	}
	/* If they all do, the last one stays: verbs take it. */
	shim->dashed = 100;
	answer = generate_ec(&worker, 100, cka_id);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->kid, SHIM_DASHED);
	assert_int_equal(shim->dashed, 92);
	assert_int_equal(count_objects(cka_id), 2);
	rig_free(answer);
	/* And so does one that the token does not destroy. */
	misbehave("C_DestroyObject", CKR_ACTION_PROHIBITED, 1);
	answer = generate_ec(&worker, 101, cka_id);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->kid, SHIM_DASHED);
	assert_int_equal(shim->dashed, 91);
	assert_int_equal(count_objects(cka_id), 2);
	rig_free(answer);
	assert_int_equal(rig_stop(&worker), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(says_which_tokens_there_are, behave),
		cmocka_unit_test_setup(tries_a_wrong_pin_once, behave),
		cmocka_unit_test_setup(does_not_use_up_the_last_try, behave),
		cmocka_unit_test_setup(lets_the_module_lock, behave),
		cmocka_unit_test_setup(one_failed_call_switches_nothing_off, behave),
		cmocka_unit_test_setup(tries_again_what_was_not_refused, behave),
		cmocka_unit_test_setup(tries_seldom_what_takes_long, behave),
		cmocka_unit_test_setup(logs_once_what_is_in_doubt, behave),
		cmocka_unit_test_setup(gets_over_lost_sessions_logins_and_handles, behave),
		cmocka_unit_test_setup(ends_when_the_token_is_gone, behave),
		cmocka_unit_test_setup(stays_when_only_the_ciphertext_is_bad, behave),
		cmocka_unit_test_setup(says_failed_of_a_ciphertext_alone, behave),
		cmocka_unit_test_setup(waits_for_a_token_that_does_not_find, behave),
		cmocka_unit_test_setup(does_not_log_in_again_with_a_pin_that_was_refused, behave),
		cmocka_unit_test_setup(dies_of_a_call_that_hangs, behave),
		cmocka_unit_test_setup(a_doubt_gives_no_job_more_time, behave),
		cmocka_unit_test_setup(finds_what_others_made_later, behave),
		cmocka_unit_test_setup(two_keys_of_one_id_are_none, behave),
		cmocka_unit_test_setup(an_aes_key_of_another_size_is_none, behave),
		cmocka_unit_test_setup(forgets, behave),
		cmocka_unit_test_setup(does_not_outlive_the_object, behave),
		cmocka_unit_test_setup(looks_at_the_object_once_a_second, behave),
		cmocka_unit_test_setup(asks_to_be_replaced, behave),
		cmocka_unit_test_setup(answers_what_it_has, behave),
		cmocka_unit_test_setup(answers_all_jobs_of_a_datagram, behave),
		cmocka_unit_test_setup(names_the_job_that_it_cannot_decode, behave),
		cmocka_unit_test_setup(use_workers_do_not_manage, behave),
		cmocka_unit_test_setup(generation_is_tried_again, behave),
		cmocka_unit_test_setup(makes_no_kid_that_begins_with_a_dash, behave),
		cmocka_unit_test_setup(finds_its_own_among_many, behave),
	};

	rig_arguments(argc, argv);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
