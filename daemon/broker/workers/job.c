/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/workers/job.h"

void job_wait(struct job *job)
{
	job->sequence.state = JOB_WAITS;
	job->sequence.parts = 0;
}

void job_enqueue(struct job *job, struct queue *queue)
{
	job->queued = true;
	job->queue = queue;
	job->lost = 0;
	job->given = false;
	job_wait(job);
	queue_add(queue, &job->link, job->uid);
}

struct job *job_dequeue(struct queue *queue)
{
	struct link *link = queue_take(queue);
	struct job *job = link ? list_entry(link, struct job, link) : NULL;

	if (job)
		job->queue = NULL;
	return job;
}

bool job_cancel(struct job *job)
{
	if (!job->queued || !job->queue)
		return false;
	queue_remove(job->queue, &job->link, job->uid);
	job->queue = NULL;
	job->queued = false;
	return true;
}

void job_end(struct job *job, const JobResult *result)
{
	list_remove(&job->link);
	job->queued = false;
	job->done(job, result);
}

void job_fail_all(struct queue *queue)
{
	struct job *job;

	while ((job = job_dequeue(queue)))
		job_end(job, NULL);
}
