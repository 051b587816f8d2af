/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl policy explain: which rule allows something to a user, or what is missing. Of a file, or as the running cekd
 * answers. */
#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/values.h"
#include "client/cekctl/rpc/near.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "daemon/rulebook/rulebook.h"

enum { GROUPS_MAX = 1023 }; /* as many as cekd looks at */

struct question {
	const char *user, *operation, *key, *listener;
	uid_t uid;
	gid_t gids[GROUPS_MAX];
	int n_gids;
};

/* What both ways answer with. */
struct answer {
	bool allowed;
	const char *rule, *listener, *why;
	const char *const *operations;
	size_t n_operations;
};

/* ---- who -------------------------------------------------------------------------------------------------------- */

/* Names from the user database of this machine; a number without an account has the same number as its group. */
static int find_user(const struct ctl *ctl, struct question *question)
{
	const struct passwd *user = getpwnam(question->user);
	uint32_t number;

	if (!user && value_number(question->user, &number) < 0)
		return ctl_fail(ctl, "there is no user \"%s\" here: create it, or give a number", question->user);
	if (!user)
		user = getpwuid(number);
	question->uid = user ? user->pw_uid : number;
	question->n_gids = GROUPS_MAX;
	if (!user) {
		question->gids[0] = number;
		question->n_gids = 1;
	} else if (getgrouplist(user->pw_name, user->pw_gid, question->gids, &question->n_gids) < 0) {
		return ctl_fail(ctl, "\"%s\" is in more than %d groups", question->user, GROUPS_MAX);
	}
	return EXIT_SUCCESS;
}

/* As the kernel tells cekd. */
static int find_self(const struct ctl *ctl, struct question *question)
{
	question->uid = geteuid();
	question->n_gids = getgroups(GROUPS_MAX - 1, question->gids);
	if (question->n_gids < 0)
		return ctl_fail(ctl, "you are in more than %d groups", GROUPS_MAX - 1);
	question->gids[question->n_gids++] = getegid();
	return EXIT_SUCCESS;
}

/* ---- what is printed -------------------------------------------------------------------------------------------- */

static json_t *to_json(const struct question *question, const struct answer *answer)
{
	json_t *object = json_object(), *operations = json_array();

	for (size_t i = 0; i < answer->n_operations; i++)
		json_array_append_new(operations, output_string(answer->operations[i]));
	json_object_set_new(object, "allowed", json_boolean(answer->allowed));
	json_object_set_new(object, "uid", json_integer(question->uid));
	output_set_text(object, "listener", answer->listener);
	output_set_text(object, "operation", question->operation);
	output_set_text(object, "key", question->key);
	output_set_text(object, "rule", answer->rule);
	output_set_text(object, "why", answer->why);
	json_object_set_new(object, "operations", operations);
	return object;
}

static void print(const struct question *question, const struct answer *answer)
{
	printf("%s: uid %u at listener ", answer->allowed ? "allowed" : "not allowed", (unsigned)question->uid);
	output_text(answer->listener);
	printf(", %s%s%s\n", *question->operation ? question->operation : "anything", *question->key ? " on key " : "",
		question->key);
	output_field("why", answer->why);
	if (answer->n_operations == 0)
		return;
	printf("%-17s", *question->key ? "may on it:" : "may on some key:");
	for (size_t i = 0; i < answer->n_operations; i++) {
		putchar(' ');
		output_text(answer->operations[i]);
	}
	putchar('\n');
}

static int tell(const struct ctl *ctl, const struct question *question, const struct answer *answer)
{
	int r = EXIT_SUCCESS;

	if (ctl->json)
		r = output_json(ctl, to_json(question, answer));
	else
		print(question, answer);
	if (r != EXIT_SUCCESS || answer->allowed)
		return r;
	return ctl_fail_as(ctl, "DENIED", NULL, "%s", *answer->why ? answer->why : "no rule allows it");
}

/* ---- the two ways ----------------------------------------------------------------------------------------------- */

#ifndef POLICY_ABSENT

static int ask_file(const struct ctl *ctl, const struct question *from, const char *path)
{
	const struct rulebook_question question = {
		.uid = from->uid,
		.gids = from->gids,
		.n_gids = (size_t)from->n_gids,
		.operation = from->operation,
		.key = from->key,
		.listener = from->listener,
	};
	char error[RULEBOOK_TEXT] = "out of memory";
	struct rulebook_answer found;
	struct rulebook *book;
	int r;

	if (rulebook_read(path, &book, error) < 0)
		return ctl_fail(ctl, "%s", error);
	if (rulebook_explain(book, &question, &found, error) < 0) {
		char hint[REACH_TEXT] = "";
		bool near = near_no_value("OP", from->operation, hint) && *from->operation;

		r = ctl_usage(ctl, "%s%s%s", error, near ? "; " : "", near ? hint : "");
	} else {
		const struct answer answer = {.allowed = found.allowed,
			.rule = found.rule ? found.rule : "",
			.listener = found.listener,
			.why = found.why,
			.operations = found.operations,
			.n_operations = found.n_operations};

		r = tell(ctl, from, &answer);
	}
	rulebook_free(book);
	return r;
}

#else

static int ask_file(const struct ctl *ctl, const struct question *from, const char *path)
{
	(void)from;
	return ctl_fail(ctl, "%s: this cekctl was built without cekd, and reads no cekd.conf", path);
}

#endif

static int ask_cekd(struct ctl *ctl, struct question *from)
{
	Cek__V1__ExplainRequest explain = CEK__V1__EXPLAIN_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	struct answer answer;
	int r;

	explain.uid = from->uid;
	explain.other = from->user && from->uid != geteuid(); /* about oneself everybody may ask */
	explain.gid = explain.other ? from->gids : NULL;
	explain.n_gid = explain.other ? (size_t)from->n_gids : 0;
	explain.operation = rpc_text(from->operation);
	explain.key = rpc_text(from->key);
	explain.listener = rpc_text(from->listener);
	request.op_case = CEK__V1__REQUEST__OP_EXPLAIN;
	request.explain = &explain;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_EXPLAIN, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	answer = (struct answer){.allowed = reply->explain->allowed,
		.rule = reply->explain->rule,
		.listener = reply->explain->listener,
		.why = reply->explain->why,
		.operations = (const char *const *)reply->explain->operations,
		.n_operations = reply->explain->n_operations};
	r = tell(ctl, from, &answer);
	rpc_reply_free(reply);
	return r;
}

int verb_policy_explain(struct ctl *ctl, int argc, char **argv)
{
	static struct question question; /* large, and there is one */
	const struct arg args[] = {
		{"user", ARG_STRING, &question.user, "USER", "who: a name or a number (default: you)"},
		{"operation", ARG_STRING, &question.operation, "OP",
			"what, as in a rule: unwrap, wrap, … (default: anything)"},
		{"key", ARG_STRING, &question.key, "NAME", "on which key (default: any)"},
		{"listener", ARG_STRING, &question.listener, "LISTENER",
			"at which listener (default: the one that is asked; of a file: where it is allowed)"},
		{0},
	};
	char **words;
	int r;

	question = (struct question){.operation = "", .key = "", .listener = ""};
	r = args_parse(ctl, argc, argv, args, 0, 1, &words);
	if (r != ARGS_GO)
		return args_exit(r);
	r = question.user ? find_user(ctl, &question) : find_self(ctl, &question);
	if (r != EXIT_SUCCESS)
		return r;
	return words[0] ? ask_file(ctl, &question, words[0]) : ask_cekd(ctl, &question);
}
