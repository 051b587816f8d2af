/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/context/metrics.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/restore.h"
#include "daemon/broker/net/net.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/request/operation.h"
#include "daemon/broker/request/pack_reply.h"
#include "daemon/broker/request/preview_of.h"
#include "daemon/broker/request/refusal.h"
#include "daemon/broker/request/request.h"
#include "proto/frame.h"

/* One more for what is no operation. */
_Static_assert((int)PERMISSION_COUNT < (int)METRICS_OPERATIONS, "metrics.h: not enough rows");

static struct request *request_new(struct broker *broker, struct peer *peer)
{
	struct request *request = pool_take(&broker->requests);

	if (!request)
		return NULL;
	memset(request, 0, offsetof(struct request, text));
	request->text[0] = request->key_name[0] = request->kid[0] = request->detail[0] = '\0';
	request->encrypted_key_len = 0;
	request->reply = (CekReply)CEK__V1__REPLY__INIT;
	request->broker = broker;
	request->peer = peer;
	request->user = peer->user;
	request->listener = peer->listener;
	request->uid = peer->uid;
	request->pid = peer->pid;
	request->arrived = broker->turn.now;
	list_append(&peer->requests, &request->open);
	list_init(&request->parked);
	peer->n_requests++;
	return request;
}

/* A job at a worker cannot be taken back: then the request stays, without a peer, until the answer has come. */
void request_free(struct request *request)
{
	struct broker *broker = request->broker;

	timer_clear(&broker->turn.timers, &request->deadline);
	list_remove(&request->parked);
	if (request->peer) {
		list_remove(&request->open);
		request->peer->n_requests--;
		request->peer->reserved -= request->reserved;
		request->peer = NULL;
	}
	if (request->counted)
		quota_answer(&broker->quota, request->user);
	request->counted = false;
	if (request->gone)
		request->gone(request);
	request->gone = NULL;
	request->answered = true;
	if (request->job.queued && !job_cancel(&request->job))
		return;
	wipe(request->packed, request->job.len);
	pool_give(&broker->requests, request, 0);
}

int request_say(struct request *request, enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(request->text, sizeof(request->text), format, args);
	va_end(args);
	return (int)status;
}

int request_say_why(struct request *request, enum status status, Cek__V1__Reason reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(request->text, sizeof(request->text), format, args);
	va_end(args);
	request->reason = reason;
	return (int)status;
}

/* ---- decode, resolve, authorise, dispatch -------------------------------------------------------------------- */

/* From here on it is the request that the preview is about, but for the mark that stops it before its first record. */
static int look_inside(struct request *request)
{
	struct broker *broker = request->broker;
	const char *why = "";
	int r;

	request->preview = true;
	r = preview_of(&broker->turn.arena, request->message, &request->message, &why);

	if (r != STATUS_OK)
		return r < 0 ? r : request_say(request, (enum status)r, "%s", why);
	request->op = operation_find(broker->operations, broker->n_operations, request->message->op_case);
	request->large = true;
	return STATUS_OK;
}

static int decode(struct request *request, const uint8_t *body, size_t len)
{
	struct broker *broker = request->broker;
	CekRequest *message = cek__v1__request__unpack(arena_allocator(&broker->turn.arena), len, body);

	if (!message)
		return request_say(request, STATUS_MALFORMED, "not a request");
	request->message = message;
	request->id = message->id;
	request->op = operation_find(broker->operations, broker->n_operations, message->op_case);
	if (!request->op && message->op_case == CEK__V1__REQUEST__OP__NOT_SET && message->base.n_unknown_fields == 0)
		return request_say(request, STATUS_MALFORMED, "op: missing");
	if (!request->op)
		return request_say(request, STATUS_UNSUPPORTED, "an operation that this cekd does not know");
	request->large = request->op->large;
	return request->op->op == CEK__V1__REQUEST__OP_PREVIEW ? look_inside(request) : STATUS_OK;
}

/* Find the key that the request is about. That there is none is not said before it is clear what this peer may know. */
static int resolve(struct request *request)
{
	const struct ring *ring = &request->broker->ring;
	struct target target = {.key = "", .kid = ""};

	if (!request->op->target)
		return STATUS_OK;
	request->op->target(request->message, &target);
	if (target.key[0] == '\0' && target.kid[0] == '\0')
		return request_say(request, STATUS_MALFORMED, "key or kid: missing");
	if (target.key[0] != '\0' && !key_name_valid(target.key))
		return request_say(request, STATUS_MALFORMED, "key: not a key name");
	if (target.kid[0] != '\0' && !kid_valid(target.kid))
		return request_say(request, STATUS_MALFORMED, "kid: longer than %d bytes", KID_MAX);
	memcpy(request->key_name, target.key, strlen(target.key) + 1);
	if (target.key[0] != '\0')
		request->key = ring_key(ring, target.key);
	if (target.kid[0] == '\0')
		return STATUS_OK;
	request->version = ring_version(ring, target.kid);
	if (!request->version && text_valid(target.kid, KID_MAX)) /* for the audit trail */
		memcpy(request->kid, target.kid, strlen(target.kid) + 1);
	if (request->version && target.key[0] != '\0' && request->version->key != request->key)
		request->version = NULL;
	request->key = request->version ? request->version->key : NULL;
	return STATUS_OK;
}

static const char *target_name(const struct request *request)
{
	return request->key ? request->key->name : request->key_name;
}

/* One answer for a key that is foreign and for one that does not exist, by the same way. */
static int authorise(struct request *request)
{
	struct broker *broker = request->broker;
	const struct operation *op = request->op;
	const struct grants *grants = &request->peer->grants;
	bool allowed;

	if (!op->anyone && !policy_allows_some(grants, op->permission)) {
		refusal_log(broker, request->peer, op->permission, target_name(request));
		return request_say(request, STATUS_DENIED, "this peer may not do that");
	}
	if (!op->always && !broker_serving(broker))
		return request_say(request, STATUS_UNAVAILABLE, "the journal does not write");
	if (broker_unconfirmed(broker) && !op->unconfirmed)
		return request_say(request, STATUS_UNAVAILABLE, "%s", restore_refusal(&broker->restore));
	if (!op->target)
		return STATUS_OK;
	allowed = policy_allows(&broker->policy, grants, op->permission, target_name(request));
	if ((!allowed || (!request->key && !op->creates)) &&
		broker_unconfirmed(broker)) /* the right journal may know it */
		return request_say(request, STATUS_UNAVAILABLE, "%s", restore_refusal(&broker->restore));
	if (!allowed)
		refusal_log(broker, request->peer, op->permission, target_name(request));
	if (allowed && !request->key && !op->creates && ring_key(&broker->ring, request->key_name))
		return request_say_why(request, STATUS_UNKNOWN_KEY, CEK__V1__REASON__REASON_UNKNOWN_KID,
			"the key has no version of this kid");
	if (!allowed || (!request->key && !op->creates))
		return request_say(request, STATUS_UNKNOWN_KEY, "no such key that this peer may use");
	return STATUS_OK;
}

static void on_deadline(struct timer *timer)
{
	struct request *request = list_entry(timer, struct request, deadline);

	request_finish(request, request_say(request, STATUS_DEADLINE, "not finished in time"));
}

/* Call the handler. If it waits for something, the deadline runs and the reply has its place in the peer's output. */
static int dispatch(struct request *request)
{
	struct broker *broker = request->broker;
	uint32_t limit = request->op->slow ? broker->turn.limits.manage_deadline_ms : broker->turn.limits.deadline_ms;
	uint32_t asked = request->message->deadline_ms;
	int outcome;

	if (quota_request(&broker->quota, request->user) < 0)
		return request_say(request, STATUS_OVERLOADED, "too many open requests of this user");
	request->counted = true;
	outcome = request->op->handler(request);
	request->message = NULL;
	if (outcome != STATUS_PENDING) {
		turn_cost(&broker->turn, COST_ANSWER);
		return outcome;
	}
	request->reserved = request->large ? FRAME_HEADER + FRAME_BODY_MAX : REPLY_SMALL;
	request->peer->reserved += request->reserved;
	timer_set(&broker->turn.timers, &request->deadline,
		broker->turn.now + (asked > 0 && asked < limit ? asked : limit) * UINT64_C(1000), on_deadline);
	return STATUS_PENDING;
}

/* ---- record, encode, reply ----------------------------------------------------------------------------------- */

/* As it stands in the audit trail and in the metrics. */
static size_t metric_row(const struct request *request)
{
	if (!request->op)
		return METRIC_NONE;
	if (request->preview)
		return METRIC_PREVIEW;
	return request->op->anyone ? METRIC_EXPLAIN : request->op->permission;
}

static const char *op_name(const struct request *request)
{
	return operation_metric(metric_row(request));
}

/* An operator must see what is wrong while records cannot leave. */
static bool at_once(const struct request *request)
{
	return request->op && request->op->at_once;
}

bool request_at_once(struct broker *broker, const uint8_t *body, size_t len)
{
	const CekRequest *message = cek__v1__request__unpack(arena_allocator(&broker->turn.arena), len, body);
	const struct operation *op = message
		? operation_find(broker->operations, broker->n_operations, message->op_case)
		: NULL;

	return !broker_serving(broker) || (op && op->at_once);
}

/* So much waits to be written that requests which are recorded before they are answered are not read. */
static bool over_share(struct request *request)
{
	const struct broker *broker = request->broker;
	const size_t unwritten = quota_records(request->user, broker->audit.written);

	return audit_full(&broker->audit) || audit_over_share(&broker->audit, unwritten, broker->quota.present > 1);
}

/* The audit record of what was decided. ret_n 0: the journal does not write, and the answer says only that. */
static int record(struct request *request, enum status status, uint64_t *ret_n)
{
	struct broker *broker = request->broker;
	AuditRecord line = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;
	uint64_t n;

	*ret_n = 0;
	if (!broker_serving(broker) || (at_once(request) && over_share(request)))
		return 0;
	line.listener = (char *)request->listener;
	line.uid = request->uid;
	line.pid = (uint32_t)request->pid;
	line.op = (char *)op_name(request);
	line.key = request->key ? request->key->name : request->key_name;
	line.kid = request->version ? request->version->kid : request->kid;
	line.alg = (char *)(request->key ? request->key->alg->name : "");
	line.status = (char *)status_name(status);
	line.encrypted_key = (ProtobufCBinaryData){.data = request->encrypted_key, .len = request->encrypted_key_len};
	line.detail = request->detail;
	line.epoch = broker->ring.epoch;
	n = audit_add(&broker->audit, &line);
	if (n == 0)
		return -ENOMEM;
	quota_record(request->user, broker->audit.added, n);
	*ret_n = n;
	return 0;
}

static void encode(struct request *request, enum status status)
{
	CekReply *reply = &request->reply;

	reply->id = request->id;
	reply->status = (Cek__V1__Status)status;
	reply->epoch = request->broker->ring.epoch;
	if (status == STATUS_OK)
		return;
	reply->result_case = CEK__V1__REPLY__RESULT__NOT_SET;
	reply->message = request->text;
	/* What went on to another end has no reason of the first one. */
	if (status == STATUS_UNUSABLE || status == STATUS_MALFORMED || status == STATUS_UNKNOWN_KEY ||
		(status == STATUS_FAILED && request->reason == CEK__V1__REASON__REASON_UNTRIED))
		reply->reason = request->reason;
}

/* A reply about a CEK is small, and packed into the peer's output at once. */
static bool reply_small(struct request *request, uint64_t n)
{
	struct peer *peer = request->peer;
	uint8_t *room = request->large || at_once(request) ? NULL : peer_room(peer, REPLY_SMALL);
	size_t len = room ? pack_reply(&request->reply, room + FRAME_HEADER, REPLY_SMALL - FRAME_HEADER) : 0;

	if (len == 0)
		return false;
	frame_header(room, len);
	peer_commit(peer, FRAME_HEADER + len, n);
	return true;
}

static void reply(struct request *request, uint64_t n)
{
	struct peer *peer = request->peer;
	uint8_t *frame = request->broker->turn.frame;
	size_t len;

	if (reply_small(request, n))
		return;
	len = cek__v1__reply__get_packed_size(&request->reply);
	if (len > FRAME_BODY_MAX) {
		encode(request,
			(enum status)request_say(request, STATUS_TOO_LARGE, "the reply would be longer than a frame"));
		len = cek__v1__reply__get_packed_size(&request->reply);
	}
	frame_header(frame, len);
	cek__v1__reply__pack(&request->reply, frame + FRAME_HEADER);
	if (at_once(request))
		peer_send_express(peer, frame, FRAME_HEADER + len);
	else
		peer_send(peer, frame, FRAME_HEADER + len, n);
	wipe(frame, FRAME_HEADER + len);
}

/* What the handlers returned, as a status; and nothing is given out that the journal could not take. */
static enum status settle(struct request *request, int outcome)
{
	if (outcome < 0) { /* the line before says where */
		log_error("%s failed", op_name(request));
		return (enum status)request_say(request, STATUS_INTERNAL, "a fault of cekd; its log says more");
	}
	if (outcome == STATUS_FAILED)
		return (enum status)request_say(request, STATUS_FAILED, "the cryptographic operation failed%s",
			request->reason == CEK__V1__REASON__REASON_UNTRIED
				? "; no kid was named, and the key has versions that were not tried (versions-tried)"
				: "");
	if (outcome == STATUS_OK && !request->op->always && !broker_serving(request->broker))
		return (enum status)request_say(request, STATUS_UNAVAILABLE, "the journal does not write");
	return (enum status)outcome;
}

void request_run(struct broker *broker, struct peer *peer, const uint8_t *body, size_t len)
{
	struct request *request = request_new(broker, peer);
	int outcome;

	if (!request) {
		peer->broken = true;
		return;
	}
	outcome = decode(request, body, len);
	if (outcome == STATUS_OK)
		outcome = resolve(request);
	if (outcome == STATUS_OK)
		outcome = authorise(request);
	if (outcome == STATUS_OK)
		outcome = dispatch(request);
	request_finish(request, outcome);
}

void request_finish(struct request *request, int outcome)
{
	enum status status;
	uint64_t n;

	if (outcome == STATUS_PENDING)
		return;
	status = settle(request, outcome);
	/* A broker that ends at once, as when cekd is gone, records nothing more: a closed connection tells a client
	 * that the request may come again, and UNAVAILABLE would not. */
	if (request->broker->turn.stop && request->peer)
		request->peer->broken = true;
	if (record(request, status, &n) < 0 && request->peer)
		request->peer->broken = true;
	encode(request, status);
	if (request->peer)
		reply(request, n);
	metrics_answer(&request->broker->metrics, metric_row(request), status,
		request->broker->turn.now - request->arrived);
	request_free(request);
}

void request_orphan(struct request *request)
{
	request->peer->n_requests--;
	request->peer->reserved -= request->reserved;
	request->peer = NULL;
}

void request_refuse_frame(struct broker *broker, struct peer *peer, enum status status, const char *text)
{
	struct request *request = request_new(broker, peer);

	if (request)
		request_finish(request, request_say(request, status, "%s", text));
	else
		peer->broken = true;
}
