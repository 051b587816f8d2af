/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl status: how cekd and its token are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/plural.h"
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/colour.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/table.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

static json_t *algs_json(const Cek__V1__StatusReply *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->n_alg; i++)
		json_array_append_new(array,
			json_pack("{s:o, s:b, s:o, s:b}", "alg", output_string(status->alg[i]->alg), "available",
				status->alg[i]->available, "how", output_string(status->alg[i]->how), "untried",
				status->alg[i]->untried));
	return array;
}

static json_t *workers_json(const Cek__V1__StatusReply *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->n_worker; i++) {
		const Cek__V1__WorkerStatus *worker = status->worker[i];

		json_array_append_new(array,
			json_pack("{s:o, s:I, s:I, s:o, s:I, s:I, s:I, s:I}", "kind", output_string(worker->kind),
				"index", (json_int_t)worker->index, "generation", (json_int_t)worker->generation,
				"state", output_string(worker->state), "queued", (json_int_t)worker->queued, "done",
				(json_int_t)worker->done, "memory", (json_int_t)worker->memory, "pid",
				(json_int_t)worker->pid));
	}
	return array;
}

static json_t *process_json(const Cek__V1__ProcessStatus *process)
{
	const Cek__V1__ProcessSeen *seen = process->seen;
	json_t *object = json_pack("{s:o, s:I, s:I, s:I, s:I, s:b}", "kind", output_string(process->kind), "index",
		(json_int_t)process->index, "pid", (json_int_t)process->pid, "heard_ms", (json_int_t)process->heard_ms,
		"owes_ms", (json_int_t)process->owes_ms, "late", process->late);

	output_set_text(object, "sandbox", process->sandbox);
	if (seen)
		json_object_set_new(object, "seen",
			json_pack("{s:I, s:I, s:I, s:b}", "uid", (json_int_t)seen->uid, "threads",
				(json_int_t)seen->threads, "seccomp_filters", (json_int_t)seen->seccomp_filters,
				"no_new_privs", seen->no_new_privs));
	return object;
}

static json_t *processes_json(const Cek__V1__StatusReply *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->n_process; i++) {
		const Cek__V1__ProcessStatus *process = status->process[i];

		json_array_append_new(array, process_json(process));
	}
	return array;
}

static json_t *token_json(const Cek__V1__StatusReply *status)
{
	json_t *token = json_object();

	output_set_text(token, "label", status->token_label);
	output_set_text(token, "serial", status->token_serial);
	output_set_text(token, "model", status->token_model);
	return token;
}

static json_t *status_json(const Cek__V1__StatusReply *status, uint64_t epoch)
{
	json_t *object = json_object(), *warnings = json_array();

	for (size_t i = 0; i < status->n_warning; i++)
		json_array_append_new(warnings, output_string(status->warning[i]));
	json_object_set_new(object, "ready", json_boolean(status->ready));
	output_set_text(object, "why_not_ready", status->why_not_ready);
	output_set_text(object, "cekd_version", status->version);
	json_object_set_new(object, "token", token_json(status));
	output_set_text(object, "module", status->module);
	output_set_text(object, "journal", status->journal);
	output_set_text(object, "audit", status->audit);
	output_set_text(object, "sandbox", status->sandbox);
	json_object_set_new(object, "split_uids", json_boolean(status->split_uids));
	output_set_time(object, "started", status->started);
	output_set_time(object, "now", status->now);
	if (status->room_case == CEK__V1__STATUS_REPLY__ROOM_STATE_FREE)
		json_object_set_new(object, "state_free", json_integer((json_int_t)status->state_free));
	json_object_set_new(object, "epoch", json_integer((json_int_t)epoch));
	json_object_set_new(object, "keys", json_integer(status->keys));
	json_object_set_new(object, "versions", json_integer(status->versions));
	json_object_set_new(object, "connections", json_integer(status->connections));
	json_object_set_new(object, "algorithms", algs_json(status));
	json_object_set_new(object, "workers", workers_json(status));
	json_object_set_new(object, "processes", processes_json(status));
	json_object_set_new(object, "warnings", warnings);
	return object;
}

static void print_workers(const Cek__V1__StatusReply *status)
{
	static const char *const head[] = {"WORKER", "STATE", "PID", "STARTS", "QUEUED", "DONE", "MEMORY", NULL};
	struct table *table = table_new(head);

	table_colour(table, 1);
	for (size_t i = 0; i < status->n_worker; i++) {
		const Cek__V1__WorkerStatus *worker = status->worker[i];
		char name[64], pid[16], starts[16], queued[16], done[24], memory[32];
		const char *const cells[] = {name, worker->state, pid, starts, queued, done, memory};

		snprintf(name, sizeof(name), "%s %u", worker->kind, worker->index);
		snprintf(pid, sizeof(pid), "%d", worker->pid);
		snprintf(starts, sizeof(starts), "%u", worker->generation);
		snprintf(queued, sizeof(queued), "%u", worker->queued);
		snprintf(done, sizeof(done), "%llu", (unsigned long long)worker->done);
		snprintf(memory, sizeof(memory), "%.1f MiB", (double)worker->memory / 1048576);
		table_row(table, cells);
	}
	table_print(table, "");
	table_free(table);
}

static void seconds(char *text, size_t size, uint64_t ms)
{
	snprintf(text, size, "%.1f s", (double)ms / 1000);
}

/* What was seen; in brackets what only the process itself says. */
static void describe_seen(const Cek__V1__ProcessStatus *process, char uid[16], char threads[16], char sandbox[64])
{
	const Cek__V1__ProcessSeen *seen = process->seen;
	const bool landlock = strstr(process->sandbox, ", landlock ") != NULL;

	snprintf(uid, 16, "?");
	snprintf(threads, 16, "?");
	snprintf(sandbox, 64, "?");
	if (!seen)
		return;
	snprintf(uid, 16, "%u", seen->uid);
	snprintf(threads, 16, "%u", seen->threads);
	snprintf(sandbox, 64, "%s%s%s", seen->seccomp_filters > 0 ? "seccomp" : "NO seccomp",
		seen->no_new_privs ? "" : ", MAY gain rights", landlock ? " (landlock)" : "");
}

static void print_processes(const Cek__V1__StatusReply *status)
{
	static const char *const head[] = {"PROCESS", "ANSWERS", "PID", "HEARD", "OWES", "UID", "THREADS", "SANDBOX",
		NULL};
	struct table *table = table_new(head);

	for (size_t i = 0; i < status->n_process; i++) {
		const Cek__V1__ProcessStatus *process = status->process[i];
		char name[64], pid[16], heard[32], owes[32], uid[16], threads[16], sandbox[64];
		const char *const cells[] = {name, process->late ? "NO" : "yes", pid, heard, owes, uid, threads,
			sandbox};

		if (strcmp(process->kind, "use") == 0)
			snprintf(name, sizeof(name), "worker %u", process->index);
		else
			snprintf(name, sizeof(name), "%s%s", process->kind,
				strcmp(process->kind, "manage") == 0 ? " worker" : "");
		snprintf(pid, sizeof(pid), "%d", process->pid);
		seconds(heard, sizeof(heard), process->heard_ms);
		seconds(owes, sizeof(owes), process->owes_ms);
		describe_seen(process, uid, threads, sandbox);
		table_row(table, cells);
	}
	table_print(table, "");
	table_free(table);
}

static void print_algs(const Cek__V1__StatusReply *status)
{
	static const char *const head[] = {"ALG", "", "HOW", NULL};
	struct table *table = table_new(head);

	table_colour(table, 1);
	for (size_t i = 0; i < status->n_alg; i++) {
		const Cek__V1__AlgStatus *alg = status->alg[i];
		const char *const cells[] = {alg->alg,
			alg->available         ? "yes"
				: alg->untried ? "untried"
					       : "no",
			alg->how};

		table_row(table, cells);
	}
	table_print(table, "");
	table_free(table);
}

static void print_status(const Cek__V1__StatusReply *status)
{
	char text[256], time[OUTPUT_TIME];

	printf("cekd ");
	output_text(status->version);
	printf(" is ");
	colour_begin(status->ready ? COLOUR_GOOD : COLOUR_BAD);
	printf(status->ready ? "ready" : "NOT ready");
	colour_end(COLOUR_GOOD);
	printf(status->ready ? "\n" : ": ");
	if (!status->ready) {
		output_text(status->why_not_ready);
		putchar('\n');
	}
	snprintf(text, sizeof(text), "%s, serial %s, %s", status->token_label, status->token_serial,
		status->token_model);
	output_field("token", *status->token_label || *status->token_serial ? text : "not seen so far");
	output_field("module", status->module);
	output_field("journal", status->journal);
	output_field("audit", status->audit);
	output_field("sandbox", status->sandbox);
	output_field("uids",
		status->split_uids ? "one for each kind of process" : "NOT split: all processes share one");
	output_field("started", output_time(status->started, time));
	if (status->room_case == CEK__V1__STATUS_REPLY__ROOM_STATE_FREE) {
		snprintf(text, sizeof(text), "%.1f MiB left for the journals", (double)status->state_free / 1048576);
		output_field("disk", text);
	}
	snprintf(text, sizeof(text), "%u with %u version%s", status->keys, status->versions, plural(status->versions));
	output_field("keys", text);
	snprintf(text, sizeof(text), "%u", status->connections);
	output_field("connections", text);
	for (size_t i = 0; i < status->n_warning; i++)
		output_field("WARNING", status->warning[i]);
	if (status->n_worker > 0) {
		putchar('\n');
		print_workers(status);
	}
	if (status->n_process > 0) { /* a cekd of before does not tell */
		putchar('\n');
		print_processes(status);
	}
	if (status->n_alg > 0) {
		putchar('\n');
		print_algs(status);
	}
}

int verb_status(struct ctl *ctl, int argc, char **argv)
{
	bool ready = false;
	const struct arg args[] = {
		{"ready", ARG_FLAG, &ready, NULL, "fail unless cekd is ready"},
		{0},
	};
	Cek__V1__StatusRequest status = CEK__V1__STATUS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	request.op_case = CEK__V1__REQUEST__OP_STATUS;
	request.status = &status;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_STATUS_REPLY, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	if (ctl->json)
		r = output_json(ctl, status_json(reply->status_reply, reply->epoch));
	else
		print_status(reply->status_reply);
	if (r == EXIT_SUCCESS && ready && !reply->status_reply->ready)
		r = ctl_fail_as(ctl, cek_status_name(CEK_UNAVAILABLE), NULL, "not ready: %s",
			reply->status_reply->why_not_ready);
	rpc_reply_free(reply);
	return r;
}
