/* SPDX-License-Identifier: Apache-2.0 */
/* man/cekd-journal.5: every member of the records is explained, and the commands do what the page says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "proto/chain.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/store_calls.h"

static struct journal_files files;
static char *page;
static char output[8192];

static int setup(void **state)
{
	struct journal_batch *batch;
	Cek__Internal__V1__KeyRecord record = journal_key_record("version", "api"), *records[] = {&record};
	struct journals journals;

	(void)state;
	journal_files_make(&files);
	journal_files_begin(&files, &journals);
	record.kid = (char *)"k1";
	record.provenance = CEK__V1__PROVENANCE__PROVENANCE_GENERATED;
	if (store_call_append(journals.store, records, 1).outcome != STORE_DONE)
		return -1;
	batch = journal_batch_new("one", 1, 5);
	journal_batch_message(batch)->record[2]->status = (char *)"FAILED";
	journal_batch_message(batch)->record[2]->kid = (char *)"a \"quoted\" \\kid\\ %s";
	if (audit_take(journals.audit, journal_batch_message(batch)) < 0)
		return -1;
	audit_write(journals.audit);
	journal_batch_free(batch);
	journal_files_end(&journals);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_files_remove(&files);
	return 0;
}

/* Run what stands in the n-th literal display of the page, where the journals are. */
static const char *run(unsigned n)
{
	static const char begin[] = ".Bd -literal -offset indent\n";
	const char *text = page, *end;
	char *command = NULL;
	FILE *pipe;
	size_t len;

	for (; n > 0; n--) {
		text = strstr(text, begin);
		assert_non_null(text);
		text += sizeof(begin) - 1;
	}
	end = strstr(text, ".Ed\n");
	assert_non_null(end);
	assert_null(memchr(text, '\\', (size_t)(end - text))); /* roff would change it */
	assert_true(asprintf(&command, "cd %s\n%.*s", files.directory, (int)(end - text), text) > 0);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	len = fread(output, 1, sizeof(output) - 1, pipe);
	output[len] = 0;
	assert_int_equal(pclose(pipe), 0);
	free(command);
	return output;
}

static void test_head(void **state)
{
	struct chain_result result;
	char expected[128];
	int fd = journal_files_open(files.audit);

	(void)state;
	assert_int_equal(chain_verify(fd, NULL, NULL, NULL, NULL, &result), 0);
	close(fd);
	snprintf(expected, sizeof(expected), "6\n%s  -\n", result.head.hash);
	assert_string_equal(run(1), expected);
}

static void test_chain(void **state)
{
	char *text = journal_files_read(files.audit), *status = strstr(text, "FAILED");
	FILE *file;

	(void)state;
	assert_string_equal(run(2), "");
	assert_non_null(status);
	memcpy(status, "OK    ", 6);
	file = fopen(files.audit, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	free(text);
	assert_string_equal(run(2), "line 5\n"); /* the one behind the changed one */
}

static void test_queries(void **state)
{
	(void)state;
	assert_string_equal(run(3),
		"2026-01-02T03:04:05.678904Z gateway 33 a \"quoted\" \\kid\\ %s 5341e6b2646979a7\n");
	assert_string_equal(run(4), "2026-01-02T03:04:05.678901Z api k1 generated\n");
}

/* Named with .Ic, alone or in a list. */
static bool explained(const char *name)
{
	const size_t len = strlen(name);

	for (const char *line = page; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, ".It Ic ", 7) != 0 && strncmp(line, ".Ic ", 4) != 0)
			continue;
		for (const char *at = line; (at = strstr(at, name)) && at < strchr(line, '\n'); at += len)
			if (at[-1] == ' ' && (at[len] == ' ' || at[len] == '\n'))
				return true;
	}
	return false;
}

static void check_members(const ProtobufCMessageDescriptor *descriptor)
{
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		const char *name = strcmp(field->name, "encrypted_key") == 0 ? "ek" : field->name;

		if (!explained(name))
			fail_msg("cekd-journal(5) does not explain %s", name);
		if (field->type == PROTOBUF_C_TYPE_MESSAGE)
			check_members(field->descriptor);
	}
}

static void test_members(void **state)
{
	(void)state;
	check_members(&cek__internal__v1__key_record__descriptor);
	check_members(&cek__internal__v1__audit_record__descriptor);
	assert_true(explained("prev"));
	assert_true(explained("instance"));
	assert_false(explained("surprise"));
}

static int load_page(void **state)
{
	char path[512];

	(void)state;
	if (!getenv("CEK_SOURCE"))
		return -1;
	snprintf(path, sizeof(path), "%s/man/cekd-journal.5", getenv("CEK_SOURCE"));
	if (access(path, R_OK) < 0)
		return -1;
	page = journal_files_read(path);
	return 0;
}

static int free_page(void **state)
{
	(void)state;
	free(page);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
		cmocka_unit_test(test_members),
	};

	log_open("test");
	return cmocka_run_group_tests_name("journal_page", tests, load_page, free_page);
}
