/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many audit records a second cekd-journal takes from the broker on one core: from the datagram to the page cache,
 * with an fdatasync every 100 ms. A child stands for the broker; only the journal's own processor time counts.
 * Usage: bench-journal [RECORDS [RECORDS-A-BATCH]]
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/journal/file/audit_file.h"
#include "daemon/journal/file/store_file.h"
#include "daemon/journal/serve/serve.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__AuditRecord AuditRecord;

enum { BATCH_MAX = 256 };

static void fill(AuditRecord *record, uint8_t *encrypted_key)
{
	cek__internal__v1__audit_record__init(record);
	record->time = clock_real_us();
	record->listener = (char *)"gateway";
	record->uid = 33;
	record->pid = 4711;
	record->op = (char *)"unwrap";
	record->key = (char *)"api-example";
	record->kid = (char *)"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
	record->alg = (char *)"RSA-OAEP-256";
	record->status = (char *)"OK";
	record->encrypted_key = (ProtobufCBinaryData){256, encrypted_key};
}

/* Send everything, drop what comes back. */
static int broker(int fd, uint64_t n, uint64_t batch)
{
	static AuditRecord records[BATCH_MAX], *pointers[BATCH_MAX];
	static uint8_t encrypted_key[256], ack[DGRAM_MAX];
	Cek__Internal__V1__ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__AuditBatch audit = CEK__INTERNAL__V1__AUDIT_BATCH__INIT;

	for (uint64_t i = 0; i < batch; i++) {
		fill(&records[i], encrypted_key);
		pointers[i] = &records[i];
	}
	audit.instance = (char *)"bench";
	audit.record = pointers;
	audit.n_record = batch;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT;
	message.audit = &audit;
	for (uint64_t sent = 0; sent < n; sent += batch) {
		for (uint64_t i = 0; i < batch; i++)
			records[i].n = sent + i + 1;
		if (dgram_send(fd, &message.base, NULL, 0) < 0)
			return 1;
		while (dgram_recv(fd, MSG_DONTWAIT, ack, sizeof(ack), NULL, 0, NULL) > 0)
			;
	}
	return 0;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int journal(struct serve *serve, uint64_t n)
{
	struct pollfd readable = {.fd = serve->pair.fd, .events = POLLIN};
	uint64_t start = clock_monotonic_us();
	double cpu = cpu_seconds(), wall;
	int r = 0;

	while (r == 0 && audit_place(serve->audit).durable < n && !serve->pair.closed) {
		if (poll(&readable, 1, serve_timeout(serve)) > 0)
			r = serve_readable(serve);
		if (r == 0)
			r = serve_time(serve);
	}
	cpu = cpu_seconds() - cpu;
	wall = (double)(clock_monotonic_us() - start) / 1e6;
	printf("%.0f records a second of processor time, %.0f a second of real time\n", (double)n / cpu,
		(double)n / wall);
	return r;
}

static int open_file(const char *path)
{
	return open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 500000,
		 batch = argc > 2 ? strtoull(argv[2], NULL, 10) : 16;
	char directory[] = "/tmp/cek-bench-XXXXXX", keys[64], audit[64];
	struct evidence evidence = {0};
	struct control control = {.fd = -1};
	struct serve serve = {.pair = {.control = &control}, .evidence = &evidence, .sync_us = 100000, .sandbox = ""};
	struct audit_file_setup setup = {.path = directory, .version = "bench"};
	struct store_state keys_state;
	int pair[2], r;
	pid_t pid;

	if (batch == 0 || batch > BATCH_MAX || !mkdtemp(directory) || dgram_pair(pair) < 0)
		return EXIT_FAILURE;
	n -= n % batch;
	snprintf(keys, sizeof(keys), "%s/keys.jsonl", directory);
	snprintf(audit, sizeof(audit), "%s/audit.jsonl", directory);
	log_open("bench-journal");
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		_exit(broker(pair[1], n, batch));
	}
	close(pair[1]);
	serve.pair.fd = pair[0];
	setup.directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = store_file_open(open_file(keys), setup.directory, directory, &serve.store);
	if (r < 0)
		return EXIT_FAILURE;
	keys_state = store_state(serve.store);
	setup.keys = &keys_state;
	setup.fd = open_file(audit);
	r = audit_file_open(&setup, &evidence, &serve.audit);
	if (r == 0)
		r = serve_init(&serve);
	if (r == 0)
		r = journal(&serve, n);
	serve_deinit(&serve);
	audit_close(serve.audit);
	store_close(serve.store);
	unlink(keys);
	unlink(audit);
	rmdir(directory);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
