/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/parent/config/load.h"
#include "daemon/parent/config/restart.h"

#define TOKEN "module = \"/m.so\"\ntoken = \"pkcs11:token=t\"\npin-file = \"/pin\"\n"
#define LISTENER "listener \"main\" { path = \"/run/x.sock\" }\n"
#define RULE "rule \"all\" { anyone = true operations = {\"unwrap\"} keys = {\"*\"} }\n"
#define GOOD TOKEN LISTENER RULE
#define USERS "user-broker = \"64001\"\nuser-token = \"64002\"\nuser-journal = \"64003\"\n"

static char error[CONFIG_ERROR_MAX];

static int parse_as(const char *text, bool split, struct config **ret_config)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(file);
	r = config_parse(file, "file.conf", split, ret_config, error);
	(void)fclose(file);
	return r;
}

static struct config *parse(const char *text)
{
	struct config *config = NULL;

	if (parse_as(text, false, &config) < 0)
		fail_msg("%s", error);
	return config;
}

static void refuse(const char *text, const char *expected)
{
	struct config *config = (struct config *)error;

	assert_int_equal(parse_as(text, false, &config), -EINVAL);
	assert_ptr_equal(config, error); /* untouched */
	if (strstr(error, expected) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", error, expected);
}

static void test_defaults(void **state)
{
	struct config *config = parse(GOOD);

	(void)state;
	assert_string_equal(config->module, "/m.so");
	assert_string_equal(config->token, "pkcs11:token=t");
	assert_string_equal(config->pin_file, "/pin");
	assert_string_equal(config->module_init_reserved, "");
	assert_null(config->module_environment[0]);
	assert_string_equal(config->module_paths[0], "/run");
	assert_string_equal(config->module_paths[3], "/opt");
	assert_null(config->module_paths[4]);
	assert_string_equal(config->state_directory, "/var/lib/cekd");
	assert_string_equal(config->sandbox, "auto");
	assert_int_equal(config->workers, 2);
	assert_int_equal(config->worker_memory, 128);
	assert_int_equal(config->call_timeout, 30);
	assert_int_equal(config->hang_seconds, 10);
	assert_true(config->copy_keys);
	assert_false(config->audit_durable);
	assert_int_equal(config->audit_sync_ms, 100);
	assert_int_equal(config->usage_seconds, 60);
	assert_int_equal(config->destroy_wait, 604800);
	assert_int_equal(config->destroy_wait_min, 3600);
	assert_int_equal(config->skew, 60);
	assert_int_equal(config->limits.connections, 10240);
	assert_int_equal(config->listeners[0].mode, 0660);
	assert_int_equal(config->listeners[0].owner, (uid_t)-1);
	config = config_free(config);
	assert_null(config);
}

static void test_everything_given(void **state)
{
	struct config *config = parse(
		"module = \"/m.so\" token = \"pkcs11:token=t\" pin-file = \"/pin\" copy-keys = false audit-durable = "
		"true\n"
		"module-environment = {\"A=1\", \"B=\"} module-init-reserved = \"configdir='x'\" sandbox = "
		"\"required\" module-paths = {\"/x y\"}\n"
		"workers = 64 worker-memory = 16 call-timeout = 1 hang-seconds = 3600 audit-sync-ms = 10000 "
		"usage-seconds = 1 destroy-wait "
		"= 9\n"
		"destroy-wait-min = 9 skew = 0 state-directory = \"/s\"\n"
		"listener \"a\" { path = \"/a\" mode = \"0600\" owner = \"7\" group = \"8\" }\n"
		"listener \"b\" { path = \"/b\" }\n"
		"rule \"r\" { listeners = {\"b\", \"a\"} users = {\"root\", \"1234\"} groups = {\"root\"} operations = "
		"{\"*\"} keys = {\"x\", \"y*\"} }\n"
		"limits { connections = 1 connections-per-user = 2 requests-per-connection = 3 requests-per-user = 4\n"
		"queue-per-worker = 5 queue = 6 output-bytes = 65540 silent-seconds = 8 stalled-seconds = 9 "
		"deadline-ms = 10\n"
		"manage-deadline-ms = 11 versions-tried = 12 }\n");
	const Cek__Internal__V1__Rule *rule = config->rules[0];
	const Cek__Internal__V1__Limits *limits = &config->limits;

	(void)state;
	assert_string_equal(config->module_environment[0], "A=1");
	assert_string_equal(config->module_environment[1], "B=");
	assert_null(config->module_environment[2]);
	assert_string_equal(config->module_paths[0], "/x y");
	assert_null(config->module_paths[1]);
	assert_string_equal(config->module_init_reserved, "configdir='x'");
	assert_false(config->copy_keys);
	assert_true(config->audit_durable);
	assert_int_equal(config->workers, 64);
	assert_int_equal(config->n_listeners, 2);
	assert_int_equal(config->listeners[0].mode, 0600);
	assert_int_equal(config->listeners[0].owner, 7);
	assert_int_equal(config->listeners[0].group, 8);
	assert_int_equal(rule->n_listener, 2);
	assert_string_equal(rule->listener[0], "b");
	assert_int_equal(rule->n_uid, 2);
	assert_int_equal(rule->uid[0], 0);
	assert_int_equal(rule->uid[1], 1234);
	assert_int_equal(rule->n_gid, 1);
	assert_int_equal(rule->n_operation, 18);
	assert_int_equal(rule->n_key, 2);
	assert_int_equal(limits->connections, 1);
	assert_int_equal(limits->connections_per_uid, 2);
	assert_int_equal(limits->requests_per_connection, 3);
	assert_int_equal(limits->requests_per_uid, 4);
	assert_int_equal(limits->queue_per_worker, 5);
	assert_int_equal(limits->queue, 6);
	assert_int_equal(limits->output_bytes, 65540);
	assert_int_equal(limits->silent_seconds, 8);
	assert_int_equal(limits->stalled_seconds, 9);
	assert_int_equal(limits->deadline_ms, 10);
	assert_int_equal(limits->manage_deadline_ms, 11);
	assert_int_equal(limits->versions_tried, 12);
	config = config_free(config);
}

static void test_errors_name_the_line(void **state)
{
	(void)state;
	refuse("wokers = 2\n" GOOD, "file.conf:1: no such option 'wokers'");
	refuse(GOOD "workers = 0\n", "file.conf:6: workers must be from 1 to 64");
	refuse(GOOD "workers = 65\n", "file.conf:6: workers must be from 1 to 64");
	refuse(GOOD "workers = x\n", "file.conf:6: ");
	refuse("# one\n// two\n/* three\n*/ wokers = 2\n" GOOD, "file.conf:4: no such option 'wokers'");
	refuse(GOOD "skew = \"\"\n", "file.conf:6: skew must be from 0 to 86400");
	refuse(GOOD "skew = 010\n", "file.conf:6: skew must be from 0 to 86400");
	refuse(GOOD "limits { queue = 0x10 }\n", "file.conf:6: queue must be from 1 to");
	refuse(GOOD "skew = 99999999999999999999\n", "file.conf:6: skew must be from 0 to 86400");
	refuse(GOOD "limits {\n\nqueue = 0 }\n", "file.conf:8: queue must be");
	refuse(GOOD "limits {\nqueues = 1 }\n", "file.conf:7: no such option 'queues'");
	refuse(GOOD "sandbox = \"maybe\"\n", "file.conf:6: sandbox must be");
	refuse(GOOD "module-environment = {\"X\"}\n", "file.conf:6: module-environment");
	refuse(GOOD "destroy-wait = 0 destroy-wait-min = 0\n", "file.conf:6: destroy-wait must be from 1 to");
	refuse(GOOD "module-paths = {\"/a\", \"b\"}\n", "file.conf:6: module-paths: \"b\" is no absolute path");
	refuse(GOOD "destroy-wait = 1\n", "destroy-wait is shorter than destroy-wait-min");
	refuse(GOOD "rule \"x\" { operations = {\"status\"} }\n", "names nobody");
	refuse(GOOD "rule \"x\" { anyone = true }\n", "operations is empty");
	refuse(GOOD "rule \"x\" { anyone = true operations = {\"unwarp\"} }\n",
		"file.conf:6: rule \"x\": operations: \"unwarp\"");
	refuse(GOOD "rule \"x\" { users = {\"no such user\"} operations = {\"status\"} }\n",
		"\"no such user\" does not exist");
	refuse(GOOD "rule \"x\" { groups = {\"4294967295\"} operations = {\"status\"} }\n",
		"\"4294967295\" does not exist");
	refuse(GOOD "rule \"x\" { anyone = true listeners = {\"y\"} operations = {\"status\"} }\n",
		"\"y\" is no listener");
	refuse(GOOD "rule \"x\" { anyone = true listeners = {} operations = {\"status\"} }\n",
		"rule \"x\": listeners is empty");
	refuse(GOOD "rule \"\" { anyone = true operations = {\"status\"} }\n", "rule \"\": it has no name");
	refuse(GOOD "listener \"x\" { path = \"x\" }\n", "listener \"x\": path is missing or not absolute");
	refuse(GOOD "listener \"x\" { path = \"/x\" mode = \"1777\" }\n", "mode is not an octal number");
	refuse(GOOD "listener \"x\" { path = \"/x\" mode = \"8\" }\n", "mode is not an octal number");
	refuse(GOOD "listener \"x\" { path = \"/run/x.sock\" }\n", "another listener has this path");
	refuse(TOKEN RULE, "there is no listener");
	refuse(LISTENER, "token is missing");
	refuse("token = \"pkcs11:token=t\" pin-file = \"/p\"\n" LISTENER, "module is missing");
	refuse("token = \"pkcs11:token=t\" module = \"/m\"\n" LISTENER, "pin-file is missing");
}

static void test_nothing_is_given_twice(void **state)
{
	(void)state;
	refuse(GOOD "workers = 2\nworkers = 2\n", "file.conf:7: workers is given twice");
	refuse(GOOD "copy-keys = true\ncopy-keys = true\n", "file.conf:7: copy-keys is given twice");
	refuse(GOOD "limits { }\nlimits { }\n", "file.conf:7: limits is given twice");
	refuse(GOOD "listener \"main\" { path = \"/y\" }\n", "main");
	refuse(GOOD "rule \"all\" { anyone = true operations = {\"wrap\"} }\n", "all");
	refuse(GOOD "module-environment = {\"A=1\"}\nmodule-environment = {\"A=2\"}\n",
		"file.conf:7: module-environment is given twice");
	refuse(GOOD "module-environment = {\"A=1\",\"B=1\"}\nmodule-environment = {\"A=2\",\"B=1\"}\n",
		"file.conf:7: module-environment");
	refuse(GOOD "rule \"x\" { anyone = true operations = {\"wrap\"}\nkeys = {}\nkeys = {\"*\"} }\n",
		"file.conf:8: rule \"x\": keys is");
	refuse(GOOD "rule \"x\" { users = {\"root\"} users = {\"1\"} operations = {\"wrap\"} }\n",
		"users is given twice");
}

/* What is before libconfuse, syntax.c, is asked before it. */
static void test_text_that_means_more_than_it_says(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(unsetenv("T_UNSET"), 0);
	refuse(TOKEN LISTENER "rule \"r\" { anyone = true operations = {\"*\"}\nkeys = {\"${T_UNSET}*\"} }\n",
		"file.conf:6: rule \"r\": keys: the environment variable T_UNSET is not set");
	refuse(GOOD "rule \"r\" {\n anyone = true operations = {\"*\"}\n",
		"file.conf:8: the file ends inside rule \"r\"");
	/* A string that is not closed does not reach into the next file. */
	refuse(GOOD "sandbox = \"off\n", "file.conf:6: sandbox: a string has no \" at its end");
	config = parse(
		TOKEN LISTENER "rule \"r\" { anyone = true operations = {\"*\"} keys = {\"${T_UNSET:-a}-\\\\*\"} }\n");
	assert_string_equal(config->rules[0]->key[0], "a-\\*");
	config = config_free(config);
}

/* Whatever stands in the file: a message is one line of text. */
static void test_errors_are_text(void **state)
{
	(void)state;
	assert_int_equal(setenv("T_ODD", "x\n\x1b[m\xe9", 1), 0);
	refuse(GOOD "rule \"x\" { users = {\"${T_ODD}\"} operations = {\"status\"} }\n",
		"users: \"x??[m?\" does not exist");
	refuse(GOOD "rule \"\xc2\x85\xc3\xa9\" { users = \n", "rule \"??\xc3\xa9\"");
}

/* What is written into a file, and what must come out of it. */
struct written {
	char text[4096], meant[4096];
	unsigned seed;
};

static unsigned any(struct written *written, unsigned below)
{
	written->seed = written->seed * 1103515245 + 12345;
	return (written->seed >> 16) % below;
}

static void add(struct written *written, const char *text, const char *meant)
{
	strcat(written->text, text);
	strcat(written->meant, meant);
}

/* What libconfuse could find something in, often side by side. */
static const char *any_value(struct written *written, char ret_value[16])
{
	static const char bytes[] = "$${{}}\\\\\"'\n\r\t\x01\x7f\x80\xff#/*,=() :-T01x7an";
	const unsigned len = any(written, 15);

	for (unsigned i = 0; i < len; i++)
		ret_value[i] = bytes[any(written, sizeof(bytes) - 1)];
	ret_value[len] = '\0';
	return ret_value;
}

static void add_variable(struct written *written)
{
	char value[16];
	const bool set = any(written, 3) > 0;

	(void)any_value(written, value);
	assert_int_equal(set ? setenv("T_ANY", value, 1) : unsetenv("T_ANY"), 0);
	add(written, "${T_ANY:-T'0}", set && value[0] != '\0' ? value : "T'0");
}

static void add_piece(struct written *written)
{
	static const char *const pieces[][2] = {
		{"$", "$"},
		{"{", "{"},
		{"}", "}"},
		{"T", "T"},
		{"0", "0"},
		{"1", "1"},
		{"'", "'"},
		{"*", "*"},
		{" # // /* ", " # // /* "},
		{"\\$", "$"},
		{"\\\"", "\""},
		{"\\\\", "\\"},
		{"\\'", "'"},
		{"\\n", "\n"},
		{"\\e", "\x1b"},
		{"\\\n", ""},
		{"\\x24", "$"},
		{"\\x7b", "{"},
		{"\\042", "\""},
		{"\\134", "\\"},
		{"\\12", "\n"},
		{"\\377", "\xff"},
		{"\\x5c", "\\"},
	};
	const unsigned i = any(written, sizeof(pieces) / sizeof(pieces[0]));
	const char *at = pieces[i][0];
	const size_t len = strlen(written->text);

	if (at[0] == '{' && written->text[len - 1] == '$')
		at = "\\x7b"; /* else it were a variable */
	else if (isdigit((unsigned char)at[0]) && isdigit((unsigned char)written->text[len - 1]))
		at = at[0] == '0' ? "\\60" : "\\61"; /* else it were a part of the escape */
	add(written, at, pieces[i][1]);
}

/* Whatever the values are, libconfuse finds nothing in them: not even together with what stands beside them. */
static void test_values_are_what_is_written(void **state)
{
	struct written written = {.seed = 1};
	struct config *config;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		const unsigned variable = any(&written, 6);

		written.text[0] = written.meant[0] = '\0';
		add(&written, TOKEN LISTENER "rule \"r\" { anyone = true operations = {\"*\"} keys = {\"", "");
		for (unsigned n = 0; n < 6; n++)
			n == variable ? add_variable(&written) : add_piece(&written);
		add(&written, "\"} }\n", "");
		config = parse(written.text);
		if (strcmp(config->rules[0]->key[0], written.meant) != 0)
			fail_msg("%d, T_ANY=%s: \"%s\" is not \"%s\" of %s", i, getenv("T_ANY"),
				config->rules[0]->key[0], written.meant, written.text);
		config = config_free(config);
	}
}

static void test_lists_of_any_length(void **state)
{
	struct config *config = parse(
		GOOD "module-environment = {\"A=1\"}\nrule \"x\" { users = {\"1\"} operations = {\"wrap\"} }\n"
		     "rule \"y\" { users = {\"1\",\"2\",\"3\"} operations = {\"wrap\", \"status\"} keys = {} }\n");

	(void)state;
	assert_int_equal(config->n_rules, 3);
	assert_int_equal(config->rules[1]->n_uid, 1);
	assert_int_equal(config->rules[2]->n_uid, 3);
	assert_int_equal(config->rules[2]->n_key, 0);
	config = config_free(config);
}

static void test_socket_path_limit(void **state)
{
	char text[512], path[109];
	struct config *config = NULL;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	(void)snprintf(text, sizeof(text), TOKEN "listener \"l\" { path = \"%s\" }\n", path);
	config = parse(text);
	assert_int_equal(strlen(config->listeners[0].path), 107);
	config = config_free(config);
	path[107] = 'x';
	path[108] = '\0';
	(void)snprintf(text, sizeof(text), TOKEN "listener \"l\" { path = \"%s\" }\n", path);
	refuse(text, "path is longer");
}

static void test_pin_and_module_of_the_uri(void **state)
{
	struct config *config = parse(
		"token = \"pkcs11:token=t?pin-source=file:/etc/p%20in&module-path=/x/m.so\"\n" LISTENER RULE);

	(void)state;
	assert_string_equal(config->pin_file, "/etc/p in");
	assert_string_equal(config->module, "/x/m.so");
	config = config_free(config);
	refuse("module = \"/m\" pin-file = \"/p\" token = \"pkcs11:token=t?pin-source=/q\"\n" LISTENER,
		"stand in the token's URI");
	refuse("module = \"/m\" pin-file = \"/p\" token = \"pkcs11:token=t?pin-value=13579\"\n" LISTENER, "pin-value");
	assert_null(strstr(error, "13579"));
}

static void test_accounts(void **state)
{
	struct config *config = NULL;

	(void)state;
	assert_int_equal(parse_as(GOOD USERS, true, &config), 0);
	assert_true(config->split_uids);
	assert_int_equal(config->broker.uid, 64001);
	assert_int_equal(config->worker.gid, 64002);
	assert_int_equal(config->journal.n_groups, 0);
	config = config_free(config);

	assert_int_equal(parse_as(GOOD "user-broker = \"no-such-user\"\n", true, &config), -EINVAL);
	assert_non_null(strstr(error, "no-such-user"));
	assert_non_null(strstr(error, "sysusers"));
	assert_int_equal(parse_as(GOOD "user-broker = \"0\"\n", true, &config), -EINVAL);
	assert_non_null(strstr(error, "must not be root"));
	assert_int_equal(parse_as(GOOD "user-broker = \"5\" user-token = \"6\" user-journal = \"6\"\n", true, &config),
		-EINVAL);
	assert_non_null(strstr(error, "three different"));
}

static void test_what_needs_a_restart(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{GOOD "workers = 3\n", "workers"},
		{GOOD "sandbox = \"off\"\n", "sandbox"},
		{GOOD "skew = 1\n", "destroy-wait, destroy-wait-min or skew"},
		{GOOD "state-directory = \"/s\"\n", "state-directory"},
		{GOOD "module-environment = {\"A=1\"}\n", "module"},
		{GOOD "module-paths = {}\n", "module"},
		{GOOD "listener \"b\" { path = \"/b\" }\n", "listener"},
	};
	struct config *running = parse(GOOD),
		      *next = parse(GOOD "limits { queue = 3 }\nrule \"z\" { anyone = true operations = {\"*\"} }\n");

	(void)state;
	assert_null(config_needs_restart(running, next));
	next = config_free(next);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		next = parse(cases[i].text);
		assert_string_equal(config_needs_restart(running, next), cases[i].expected);
		next = config_free(next);
	}
	next = parse(GOOD "listener \"b\" { path = \"/b\" }\nrule \"z\" { listeners = {\"b\"} anyone = true operations "
			  "= {\"*\"} }\n");
	assert_string_equal(config_rule_needs_restart(running, next), "z");
	assert_null(config_rule_needs_restart(next, running));
	next = config_free(next);
	running = config_free(running);
}

static void test_missing_file(void **state)
{
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load("/nonexistent/cekd.conf", false, &config, error), -EINVAL);
	assert_string_equal(error, "/nonexistent/cekd.conf: No such file or directory");
	assert_null(config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_given),
		cmocka_unit_test(test_errors_name_the_line),
		cmocka_unit_test(test_nothing_is_given_twice),
		cmocka_unit_test(test_text_that_means_more_than_it_says),
		cmocka_unit_test(test_errors_are_text),
		cmocka_unit_test(test_values_are_what_is_written),
		cmocka_unit_test(test_lists_of_any_length),
		cmocka_unit_test(test_socket_path_limit),
		cmocka_unit_test(test_pin_and_module_of_the_uri),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_what_needs_a_restart),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
