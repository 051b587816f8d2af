/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/workers/jobs.h"
#include "daemon/broker/workers/pack_job.h"

enum { ANSWER_US = 5 }; /* that a result costs */

/* A worker has answered the request's job. */
static void on_job_done(struct job *job, const JobResult *result)
{
	struct request *request = list_entry(job, struct request, job);
	struct quota *quota = &request->broker->quota;

	if (!request->answered) {
		quota->served = request->user;
		turns_charge(&quota->turns, &request->user->turn, ANSWER_US);
		request_finish(request, request->resume(request, result));
		quota->served = NULL;
	} else if (!job->queued) {
		request_free(request);
	}
}

static int set_job(struct request *request, const Job *job)
{
	size_t len = pack_job(job, request->packed, sizeof(request->packed));

	if (len == 0 && cek__internal__v1__job__get_packed_size(job) <= sizeof(request->packed))
		len = cek__internal__v1__job__pack(job, request->packed);
	if (len == 0)
		return log_origin(-EMSGSIZE);
	request->job.len = len;
	request->job.packed = request->packed;
	request->job.id = job->id;
	request->job.uid = request->uid;
	request->job.sequence.op = (uint8_t)job->op_case;
	request->job.done = on_job_done;
	return 0;
}

static int submit(struct request *request, const Job *job, int (*to)(struct workers *, struct job *))
{
	int r = set_job(request, job);

	if (r == 0)
		r = to(&request->broker->workers, &request->job);
	if (r == -ENOBUFS)
		return request_say(request, STATUS_OVERLOADED, "too many requests wait for the token");
	if (r == -ENETDOWN)
		return request_say(request, STATUS_UNAVAILABLE, "the token is not available");
	return r < 0 ? r : STATUS_PENDING;
}

int request_submit(struct request *request, const Job *job)
{
	return submit(request, job, workers_submit);
}

int request_submit_manage(struct request *request, const Job *job)
{
	return submit(request, job, workers_manage);
}

int request_park(struct request *request, const Job *job, struct key *key, int (*unpark)(struct request *request))
{
	int r = set_job(request, job);

	if (r < 0)
		return r;
	request->unpark = unpark;
	list_append(&key->parked, &request->parked);
	return STATUS_PENDING;
}

/* Each of them decodes its job in the arena, in which the message stands that we have just handled: leave that, wipe
 * the rest each time. */
void request_unpark_all(struct broker *broker, struct key *key)
{
	struct link parked, *link;
	size_t used = broker->turn.arena.used;

	list_init(&parked);
	list_move(&parked, &key->parked);
	while ((link = list_take(&parked))) {
		struct request *request = list_entry(link, struct request, parked);

		request_finish(request, request->unpark(request));
		wipe(broker->turn.arena.base + used, broker->turn.arena.used - used);
		broker->turn.arena.used = used;
	}
}
