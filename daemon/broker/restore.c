#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/broker.h"
#include "daemon/broker/restore.h"
#include "daemon/log.h"

bool restore_needed(const struct broker *broker)
{
	return broker->ring.suspect;
}

static void keep_later(struct restore *restore, const Cek__Internal__V1__ReplayBatch *last)
{
	for (size_t i = 0; i < last->n_later && restore->n_later < RESTORE_LATER_MAX; i++) {
		restore->later[restore->n_later] = strdup(last->later[i]);
		if (restore->later[restore->n_later])
			restore->n_later++;
	}
}

static void forget_later(struct restore *restore)
{
	while (restore->n_later > 0)
		free(restore->later[--restore->n_later]);
}

void restore_look(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last)
{
	struct restore *restore = &broker->restore;
	struct ring *ring = &broker->ring;
	bool other = ring->file[0] != '\0' && last->file[0] != '\0' && strcmp(ring->file, last->file) != 0;

	forget_later(restore);
	keep_later(restore, last);
	snprintf(restore->file, sizeof(restore->file), "%s", last->file);
	snprintf(restore->why, sizeof(restore->why), "%s",
		last->outlived ? "audit.jsonl knows of a longer life of the keys than keys.jsonl"
			       : "keys.jsonl is not the file that cekd wrote last, but a copy of it");
	if (!ring->suspect && (other || last->outlived)) {
		ring->suspect = true;
		ring->found_time = ring->last_time;
		snprintf(ring->found, sizeof(ring->found), "%llu:%s", (unsigned long long)ring->last_seq, last->hash);
	}
	if (ring->suspect)
		log_error("restored journal: %s: no CEK is served until an operator confirms it (cekctl restore show)",
			restore->why);
}

void restore_fill_open(struct broker *broker, KeyRecord *open)
{
	open->file = broker->restore.file;
	open->suspect = broker->ring.suspect;
	if (open->suspect)
		open->found = broker->ring.found;
}

void restore_deinit(struct broker *broker)
{
	forget_later(&broker->restore);
}

int restore_reply(struct request *request)
{
	struct broker *broker = request->broker;
	Cek__V1__RestoreReply *reply = arena_alloc(&broker->arena, sizeof(*reply));

	if (!reply)
		return -ENOMEM;
	cek__v1__restore_reply__init(reply);
	reply->needed = restore_needed(broker);
	if (reply->needed) {
		reply->why = broker->restore.why;
		reply->last_time = broker->ring.found_time;
		reply->head = broker->ring.found;
		reply->later = broker->restore.later;
		reply->n_later = broker->restore.n_later;
	}
	request->reply.result_case = CEK__V1__REPLY__RESULT_RESTORE;
	request->reply.restore = reply;
	return STATUS_OK;
}
