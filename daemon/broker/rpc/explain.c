/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everybody may ask about themselves and is told what an attempt tells as well, without a name of a rule or of a key
 * that they did not say. Who may do Fsck, which shows all of the token, may ask about everybody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/request/refusal.h"
#include "daemon/broker/rpc/rpc.h"

enum { MISSING_MAX = 4 };

static bool may_know(const struct request *request)
{
	return policy_allows_some(&request->peer->grants, PERMISSION_FSCK);
}

static int find_listener(struct request *request, const char *name, size_t *ret_listener)
{
	const struct server *server = &request->broker->server;

	*ret_listener = request->peer->listener_index;
	if (name[0] == '\0' || strcmp(name, request->listener) == 0)
		return STATUS_OK;
	if (!may_know(request))
		return request_say(request, STATUS_DENIED, "listener: another one than this only for who may do fsck");
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (strcmp(server->listeners[i].name, name) == 0) {
			*ret_listener = i;
			return STATUS_OK;
		}
	}
	return request_say(request, STATUS_MALFORMED, "listener: there is none of this name");
}

static int check(struct request *request, const Cek__V1__ExplainRequest *message, struct question *ret_question)
{
	ret_question->permission = message->operation[0] != '\0' ? permission_find(message->operation) : -1;
	ret_question->key = ret_question->permission >= 0 && !permission_names_key(ret_question->permission)
		? ""
		: message->key;
	ret_question->uid = message->other ? message->uid : request->uid;
	if (message->operation[0] != '\0' && ret_question->permission < 0)
		return request_say(request, STATUS_MALFORMED,
			"operation: not one that a rule can grant (cekd.conf(5))");
	if (message->key[0] != '\0' && !key_name_valid(message->key))
		return request_say(request, STATUS_MALFORMED, "key: not a key name");
	if (message->other && !may_know(request))
		return request_say(request, STATUS_DENIED, "others: only who may do fsck may ask about them");
	if (message->n_gid >= PEER_GROUPS_MAX)
		return request_say(request, STATUS_MALFORMED, "gid: more than %d", PEER_GROUPS_MAX - 1);
	return find_listener(request, message->listener, &ret_question->listener);
}

static int fill_operations(struct request *request, const struct grants *grants, const char *key,
	Cek__V1__ExplainReply *reply)
{
	const uint32_t allowed = policy_allowed(&request->broker->policy, grants, key);

	reply->operations = arena_alloc(&request->broker->turn.arena, PERMISSION_COUNT * sizeof(*reply->operations));
	if (!reply->operations)
		return log_origin(-ENOMEM);
	for (int i = 0; i < PERMISSION_COUNT; i++)
		if (allowed >> i & 1)
			reply->operations[reply->n_operations++] = (char *)permission_name((enum permission)i);
	return 0;
}

static bool has_operation(const Cek__V1__ExplainReply *reply, int permission)
{
	for (size_t i = 0; i < reply->n_operations; i++) {
		if (permission < 0 || strcmp(reply->operations[i], permission_name((enum permission)permission)) == 0)
			return true;
	}
	return false;
}

/* What an attempt would tell: DENIED on every key, or UNKNOWN_KEY on this one. */
static const char *why_not(const struct grants *grants, const struct question *question, const char *listener,
	char *text, size_t size)
{
	const char *operation = question->permission < 0 ? "anything"
							 : permission_name((enum permission)question->permission);

	if (grants->permissions == 0)
		snprintf(text, size, "no rule names uid %u at listener \"%s\"", question->uid, listener);
	else if (question->permission >= 0 && !policy_allows_some(grants, (enum permission)question->permission))
		snprintf(text, size, "no rule that names uid %u at listener \"%s\" grants %s", question->uid, listener,
			operation);
	else
		snprintf(text, size, "no rule that names uid %u at listener \"%s\" grants %s on a key of this name",
			question->uid, listener, operation);
	return text;
}

static bool makes_keys(int permission)
{
	return permission == PERMISSION_CREATE || permission == PERMISSION_IMPORT || permission == PERMISSION_ADOPT;
}

/* For who may know: the rule and what it lacks. */
static int fill_rule(struct request *request, const struct question *question, Cek__V1__ExplainReply *reply, char *text,
	size_t size)
{
	static const char *const names[MISSING_MAX] = {"listener", "user", "operation", "key"};
	const struct policy_rule *rule;
	unsigned missing = policy_explain(&request->broker->policy, question, &rule);

	reply->missing = arena_alloc(&request->broker->turn.arena, MISSING_MAX * sizeof(*reply->missing));
	if (!reply->missing)
		return log_origin(-ENOMEM);
	for (size_t i = 0; i < MISSING_MAX; i++) {
		if (missing >> i & 1)
			reply->missing[reply->n_missing++] = (char *)names[i];
	}
	if (rule)
		reply->rule = (char *)rule_name(rule);
	refusal_text(request->broker, question, missing, rule, text, size);
	return 0;
}

static int answer(struct request *request, const struct question *question, const struct grants *grants,
	Cek__V1__ExplainReply *reply)
{
	struct broker *broker = request->broker;
	char *text = arena_alloc(&broker->turn.arena, REFUSAL_MAX);
	const char *why;
	int r = text ? fill_operations(request, grants, question->key, reply) : log_origin(-ENOMEM);

	if (r < 0)
		return r;
	text[0] = '\0';
	reply->allowed = has_operation(reply, question->permission);
	reply->listener = (char *)broker->server.listeners[question->listener].name;
	reply->uid = question->uid;
	if (reply->allowed && !request->message->explain->other) /* an attempt would tell that as well */
		reply->serving = broker_ready(broker, &why) ? CEK__V1__SERVING__SERVING_YES
							    : CEK__V1__SERVING__SERVING_NO;
	if (may_know(request))
		r = fill_rule(request, question, reply, text, REFUSAL_MAX);
	else if (!reply->allowed)
		why_not(grants, question, reply->listener, text, REFUSAL_MAX);
	if (r < 0)
		return r;
	if (reply->allowed && question->key[0] != '\0' && !makes_keys(question->permission) &&
		!ring_key(&broker->ring, question->key)) {
		size_t len = strlen(text);

		snprintf(text + len, REFUSAL_MAX - len, "%sit is allowed, but there is no key of this name",
			len > 0 ? "; " : "");
	}
	reply->why = text;
	return STATUS_OK;
}

int rpc_explain(struct request *request)
{
	const Cek__V1__ExplainRequest *message = request->message->explain;
	struct broker *broker = request->broker;
	Cek__V1__ExplainReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));
	struct question question = {.gids = message->gid, .n_gids = message->n_gid};
	struct grants grants;
	gid_t gids[PEER_GROUPS_MAX];
	int r = reply ? check(request, message, &question) : log_origin(-ENOMEM);

	if (r != STATUS_OK)
		return r;
	cek__v1__explain_reply__init(reply);
	if (!message->other) {
		question.gids = gids;
		question.n_gids = peer_groups(request->peer, gids);
	}
	policy_match(&broker->policy, question.listener, question.uid, question.gids, question.n_gids, &grants);
	r = answer(request, &question, &grants, reply);
	if (r != STATUS_OK)
		return r;
	snprintf(request->key_name, sizeof(request->key_name), "%s", message->key);
	snprintf(request->detail, sizeof(request->detail), "uid %u at %s: %s %s", question.uid, reply->listener,
		question.permission < 0 ? "anything" : permission_name((enum permission)question.permission),
		reply->allowed ? "allowed" : "not allowed");
	request->reply.result_case = CEK__V1__REPLY__RESULT_EXPLAIN;
	request->reply.explain = reply;
	return STATUS_OK;
}
