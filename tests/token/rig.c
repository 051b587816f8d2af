/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"
#include "rig_pins.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <p11-kit/p11-kit.h>

#include "base/clock.h"
#include "daemon/shared/receipt.h"
#include "proto/dgram.h"

enum { PATIENCE_MS = 120000 };

static const char right_pin[] = "test-pin";
static const uint8_t receipt_key[RECEIPT_KEY_LEN] = {1};
static const char *kind_argument, *program_argument;

void rig_arguments(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
	if (argc != 3 && argc != 5) {
		fprintf(stderr, "usage: %s softhsm|nss PATH-OF-CEKD-TOKEN [NUMBER OF-HOW-MANY]\n", argv[0]);
		exit(2);
	}
	if (argc == 5) {
		const size_t which = strtoul(argv[3], NULL, 10);

		if (strtoul(argv[4], NULL, 10) != n || which < 1 || which > n) {
			fprintf(stderr, "test %s of %s: there are %zu\n", argv[3], argv[4], n);
			exit(2);
		}
		cmocka_set_test_filter(tests[which - 1].name);
	}
	kind_argument = argv[1];
	program_argument = argv[2];
}

const char *rig_kind(void)
{
	return kind_argument;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void softhsm_settings(struct rig *rig)
{
	char path[96], text[256];

	snprintf(path, sizeof(path), "%s/tokens", rig->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", rig->dir);
	snprintf(text, sizeof(text),
		"directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n", rig->dir);
	write_file(path, text);
	snprintf(rig->environment[0], sizeof(rig->environment[0]), "SOFTHSM2_CONF=%s", path);
	setenv("SOFTHSM2_CONF", path, 1);
	strcpy(rig->module, "/usr/lib/softhsm/libsofthsm2.so");
	strcpy(rig->uri, "pkcs11:token=cekd-test");
}

static void nss_settings(struct rig *rig)
{
	glob_t found;

	snprintf(rig->init_reserved, sizeof(rig->init_reserved),
		"configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", rig->dir);
	snprintf(rig->environment[0], sizeof(rig->environment[0]), "LANG=C");
	assert_int_equal(glob("/usr/lib/*/libsoftokn3.so", 0, NULL, &found), 0);
	snprintf(rig->module, sizeof(rig->module), "%s", found.gl_pathv[0]);
	globfree(&found);
	strcpy(rig->uri, "pkcs11:token=NSS%20Certificate%20DB");
}

static void initialize(struct rig *rig)
{
	struct {
		CK_C_INITIALIZE_ARGS args;
		void *beyond;
	} init = {0};

	init.args.pReserved = rig->nss ? rig->init_reserved : NULL;
	rig->f = p11_kit_module_load(rig->module, P11_KIT_MODULE_UNMANAGED);
	if (!rig->f)
		fail_msg("%s: %s", rig->module, p11_kit_message());
	assert_int_equal(rig->f->C_Initialize(&init), CKR_OK);
}

static CK_SLOT_ID slot(struct rig *rig)
{
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;

	assert_int_equal(rig->f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	for (CK_ULONG i = 0; rig->nss && i < n; i++) {
		CK_TOKEN_INFO info;

		assert_int_equal(rig->f->C_GetTokenInfo(slots[i], &info), CKR_OK);
		if (memcmp(info.label, "NSS Certificate DB", 18) == 0)
			return slots[i];
	}
	return slots[0];
}

static void make_token(struct rig *rig)
{
	CK_UTF8CHAR label[33];
	CK_UTF8CHAR *so_pin = (CK_UTF8CHAR *)(rig->nss ? "" : "so-pin"), *pin = (CK_UTF8CHAR *)(uintptr_t)right_pin;
	CK_ULONG so_len = strlen((char *)so_pin), pin_len = strlen(right_pin);
	CK_SESSION_HANDLE session;

	initialize(rig);
	if (!rig->nss) {
		snprintf((char *)label, sizeof(label), "%-32s", "cekd-test");
		assert_int_equal(rig->f->C_InitToken(slot(rig), so_pin, so_len, label), CKR_OK);
	}
	assert_int_equal(rig->f->C_OpenSession(slot(rig), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
		CKR_OK);
	assert_int_equal(rig->f->C_Login(session, CKU_SO, so_pin, so_len), CKR_OK);
	assert_int_equal(rig->f->C_InitPIN(session, pin, pin_len), CKR_OK);
	assert_int_equal(rig->f->C_CloseSession(session), CKR_OK);
	assert_int_equal(rig->f->C_OpenSession(slot(rig), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
				 &rig->session),
		CKR_OK);
	assert_int_equal(rig->f->C_Login(rig->session, CKU_USER, pin, pin_len), CKR_OK);
}

void rig_open(struct rig *rig, const char *kind)
{
	memset(rig, 0, sizeof(*rig));
	rig->nss = strcmp(kind, "nss") == 0;
	/* SoftHSM rewrites a file for each attribute that it sets. */
	snprintf(rig->dir, sizeof(rig->dir), "%s/cekd-token-test-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	if (rig->nss)
		nss_settings(rig);
	else
		softhsm_settings(rig);
	make_token(rig);
}

void rig_use_shim(struct rig *rig, const char *path, const char *page)
{
	snprintf(rig->environment[1], sizeof(rig->environment[1]), "CEKD_SHIM=%s", page);
	snprintf(rig->environment[2], sizeof(rig->environment[2]), "CEKD_SHIM_MODULE=%s", rig->module);
	snprintf(rig->module, sizeof(rig->module), "%s", path);
}

void rig_close(struct rig *rig)
{
	char command[128];

	rig->f->C_Finalize(NULL);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->dir);
	assert_int_equal(system(command), 0);
}

static void exec_worker(struct rig *rig, int control)
{
	char *const environment[] = {rig->environment[0], rig->environment[1][0] ? rig->environment[1] : NULL,
		rig->environment[2], NULL};
	char *const argv[] = {(char *)(uintptr_t) "cekd-token", NULL};

	if (dup2(control, 3) < 0)
		_exit(120);
	if (control == 3)
		fcntl(3, F_SETFD, 0);
	execve(program_argument, argv, environment);
	_exit(121);
}

static void send_setup(struct rig *rig, struct rig_worker *worker, int jobs, const struct rig_options *options)
{
	Cek__Internal__V1__Setup setup = CEK__INTERNAL__V1__SETUP__INIT;
	Cek__Internal__V1__TokenSetup token = CEK__INTERNAL__V1__TOKEN_SETUP__INIT;
	char path[128];
	int fds[4] = {jobs, executing_create()}, control, receipts = -1;
	size_t n = 2;

	snprintf(path, sizeof(path), "%s/pin", rig->dir);
	write_file(path, options->pin ? options->pin : "test-pin\n");
	assert_true(fds[1] >= 0);
	if (options->manage) {
		receipts = memfd_create("receipts", MFD_CLOEXEC);
		assert_int_equal(write(receipts, receipt_key, sizeof(receipt_key)), sizeof(receipt_key));
		fds[n++] = receipts;
	}
	if (options->test_page > 0)
		fds[n++] = options->test_page;
	token.module = (char *)(uintptr_t)(options->module ? options->module : rig->module);
	token.uri = (char *)(uintptr_t)(options->uri ? options->uri : rig->uri);
	token.init_reserved = rig->init_reserved;
	token.manage = token.receipts = options->manage;
	token.copy_keys = options->copy_keys;
	token.call_seconds = options->call_seconds ? options->call_seconds : 60;
	token.memory_limit = options->memory_limit;
	setup.role_case = CEK__INTERNAL__V1__SETUP__ROLE_TOKEN;
	setup.token = &token;
	setup.sandbox = (char *)(uintptr_t) "auto";
	setup.test_clock = options->test_page > 0;
	worker->executing = executing_map_read_only(fds[1]);
	assert_non_null(worker->executing);
	assert_int_equal(dgram_send(worker->control, &setup.base, fds, n), 0);
	close(fds[1]);
	if (receipts >= 0)
		close(receipts);
	worker->pins = rig_pins_start(worker->control, path, &control);
	worker->control = control;
}

Cek__Internal__V1__Control *rig_control(struct rig_worker *worker)
{
	static uint8_t buffer[DGRAM_MAX];
	size_t n_fds;
	ssize_t n = dgram_recv(worker->control, 0, buffer, sizeof(buffer), NULL, 0, &n_fds);

	return n > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)n, buffer) : NULL;
}

void rig_start(struct rig *rig, struct rig_worker *worker, const struct rig_options *options,
	Cek__Internal__V1__Control **ret_failing)
{
	int control[2], jobs[2];
	Cek__Internal__V1__Control *said;

	memset(worker, 0, sizeof(*worker));
	assert_int_equal(dgram_pair(control), 0);
	assert_int_equal(dgram_pair(jobs), 0);
	worker->pid = fork();
	assert_true(worker->pid >= 0);
	if (worker->pid == 0)
		exec_worker(rig, control[1]);
	close(control[1]);
	worker->control = control[0];
	worker->jobs = jobs[0];
	send_setup(rig, worker, jobs[1], options);
	close(jobs[1]);
	worker->hello = rig_receive(worker);
	said = rig_control(worker);
	if (ret_failing)
		*ret_failing = said;
	else
		assert_non_null(worker->hello);
	if (!ret_failing && said)
		cek__internal__v1__control__free_unpacked(said, NULL);
}

int rig_stop(struct rig_worker *worker)
{
	int status = 0;

	close(worker->jobs);
	close(worker->control);
	rig_free(worker->hello);
	rig_free(worker->several);
	rig_free(worker->news);
	executing_unmap(worker->executing);
	assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
	rig_pins_stop(worker->pins);
	return status;
}

/* What the journal would have given for the intent of this job; empty: it needs none. */
static struct receipt_job receipt_of(const Cek__Internal__V1__Job *job, const char **ret_op)
{
	const ProtobufCBinaryData *id = NULL;
	struct receipt_job of = {.alg = ""};

	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_GENERATE)
		id = &job->generate->cka_id, of.alg = job->generate->alg, *ret_op = "create";
	else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_IMPORT)
		id = &job->import->cka_id, of.alg = job->import->alg, *ret_op = "import";
	else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_ADOPT)
		id = &job->adopt->cka_id, of.alg = job->adopt->alg, *ret_op = "adopt";
	else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_DESTROY)
		id = &job->destroy->cka_id, of.alg = job->destroy->alg, *ret_op = "destroy";
	if (id != NULL) {
		of.cka_id = id->data;
		of.cka_id_len = id->len;
	}
	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_DESTROY)
		assert_int_equal(receipt_half(job->destroy->public_key, of.half), 0);
	return of;
}

void rig_send(struct rig_worker *worker, Cek__Internal__V1__Job *job)
{
	static uint8_t mac[RECEIPT_MAC_LEN];
	Cek__Internal__V1__Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT;
	Cek__Internal__V1__ToWorker message = CEK__INTERNAL__V1__TO_WORKER__INIT;
	const char *op = "";
	const struct receipt_job of = receipt_of(job, &op);

	if (*op != '\0') {
		receipt.up = clock_boot_us();
		receipt.op = (char *)(uintptr_t)op;
		assert_int_equal(receipt_mac(receipt_key, &receipt, &of, mac), 0);
		receipt.mac = (ProtobufCBinaryData){sizeof(mac), mac};
		job->receipt = &receipt;
	}
	job->id = ++worker->next_id;
	message.n_job = 1;
	message.job = &job;
	assert_int_equal(dgram_send(worker->jobs, &message.base, NULL, 0), 0);
	job->receipt = NULL;
}

/* One of the results that came together, as a message of its own. */
static Cek__Internal__V1__FromWorker *take_one(struct rig_worker *worker)
{
	Cek__Internal__V1__JobResults *results = worker->several->results;
	Cek__Internal__V1__FromWorker *message = malloc(sizeof(*message));

	assert_non_null(message);
	cek__internal__v1__from_worker__init(message);
	message->what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message->result = results->result[worker->n_taken];
	results->result[worker->n_taken++] = NULL;
	if (worker->n_taken == results->n_result) {
		rig_free(worker->several);
		worker->several = NULL;
		worker->n_taken = 0;
	}
	return message;
}

static Cek__Internal__V1__FromWorker *receive(struct rig_worker *worker)
{
	static uint8_t buffer[DGRAM_MAX];
	size_t n_fds;
	ssize_t n = dgram_recv(worker->jobs, 0, buffer, sizeof(buffer), NULL, 0, &n_fds);

	return n > 0 ? cek__internal__v1__from_worker__unpack(NULL, (size_t)n, buffer) : NULL;
}

static bool keep_news(struct rig_worker *worker, Cek__Internal__V1__FromWorker *message)
{
	if (!message || message->what_case != CEK__INTERNAL__V1__FROM_WORKER__WHAT_NEWS)
		return false;
	rig_free(worker->news);
	worker->news = message;
	return true;
}

bool rig_wait_for_news(struct rig_worker *worker)
{
	struct pollfd poll_jobs = {.fd = worker->jobs, .events = POLLIN};

	return poll(&poll_jobs, 1, PATIENCE_MS) == 1 && keep_news(worker, receive(worker));
}

Cek__Internal__V1__FromWorker *rig_receive(struct rig_worker *worker)
{
	Cek__Internal__V1__FromWorker *message;

	if (worker->several)
		return take_one(worker);
	do
		message = receive(worker);
	while (keep_news(worker, message));
	if (!message || message->what_case != CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS)
		return message;
	assert_true(message->results->n_result > 0);
	worker->several = message;
	return take_one(worker);
}

Cek__Internal__V1__FromWorker *rig_call(struct rig_worker *worker, Cek__Internal__V1__Job *job)
{
	Cek__Internal__V1__FromWorker *message;

	rig_send(worker, job);
	message = rig_receive(worker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT);
	assert_int_equal(message->result->id, job->id);
	assert_int_equal(worker->executing->job, job->id);
	return message;
}

void rig_free(Cek__Internal__V1__FromWorker *message)
{
	if (message)
		cek__internal__v1__from_worker__free_unpacked(message, NULL);
}
