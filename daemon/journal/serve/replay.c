/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/replay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;
typedef Cek__Internal__V1__ReplayBatch ReplayBatch;

enum {
	BATCH_BYTES = DGRAM_MAX - 1024, /* packed records; the rest is for what is around them */
	BATCH_RECORDS = 512,
	BATCH_AROUND = 8, /* tag and length of one record */
};

/* One batch of packed records: a message of the store lives only until the next one. */
struct replay {
	const struct pair *pair;
	struct law *law;
	struct arena *arena;
	uint64_t id;
	KeyRecord *records[BATCH_RECORDS];
	size_t n, bytes;
	struct chain_head head; /* after the last one added */
};

int replay_begin(const struct pair *pair, struct law *law, struct arena *arena, uint64_t id, struct replay **ret_replay)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return log_origin(-ENOMEM);
	replay->pair = pair;
	replay->law = law;
	replay->arena = arena;
	replay->id = id;
	replay->head = chain_start();
	if (law && law_spoilt(law))
		law_forget(law);
	arena_reset(arena);
	*ret_replay = replay;
	return 0;
}

struct replay *replay_free(struct replay *replay)
{
	free(replay);
	return NULL;
}

static int send_batch(struct replay *replay, ReplayBatch *batch)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	int r;

	batch->record = replay->records;
	batch->n_record = replay->n;
	batch->id = replay->id;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = batch;
	control_read(replay->pair->control); /* a long journal takes its time */
	r = pair_send(replay->pair, &message);
	arena_reset(replay->arena);
	replay->n = replay->bytes = 0;
	return r;
}

static int send_plain(struct replay *replay)
{
	ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;

	return send_batch(replay, &batch);
}

int replay_so_far(struct replay *replay)
{
	ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;

	batch.so_far = true;
	return send_batch(replay, &batch);
}

/* Changes that only the audit journal knows may be long: then they travel alone. */
int replay_end(struct replay *replay, const struct evidence *evidence, const char *identity,
	struct chain_head *ret_head)
{
	ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	char *later[EVIDENCE_LATER_MAX];
	const char *line;
	int r = evidence->outlived && replay->n > 0 ? send_plain(replay) : 0;

	if (r < 0)
		return r;
	while (batch.n_later < EVIDENCE_LATER_MAX && (line = evidence_later(evidence, batch.n_later)))
		later[batch.n_later++] = (char *)line;
	batch.later = later;
	batch.more_later = evidence_more_later(evidence);
	batch.outlived = evidence->outlived;
	batch.file = (char *)identity;
	batch.hash = replay->head.hash;
	batch.end = true;
	*ret_head = replay->head;
	return send_batch(replay, &batch);
}

int replay_add(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct replay *replay = userdata;
	size_t len = cek__internal__v1__key_record__get_packed_size(record);
	uint8_t *packed;
	int r = replay->law ? law_read(replay->law, record, head) : 0;

	if (r < 0)
		return r;
	if (replay->n == BATCH_RECORDS || replay->bytes + len + BATCH_AROUND > BATCH_BYTES) {
		r = send_plain(replay);
		if (r < 0)
			return r;
	}
	packed = arena_alloc(replay->arena, len);
	if (!packed)
		return log_origin(-ENOMEM);
	cek__internal__v1__key_record__pack(record, packed);
	replay->records[replay->n] = cek__internal__v1__key_record__unpack(arena_allocator(replay->arena), len, packed);
	if (!replay->records[replay->n])
		return log_origin(-ENOMEM);
	replay->n++;
	replay->bytes += len + BATCH_AROUND;
	replay->head = *head;
	return 0;
}

int replay_send(const struct pair *pair, struct store *store, const struct evidence *evidence, struct law *law,
	struct arena *arena, uint64_t id, struct chain_head *ret_head)
{
	struct replay *replay;
	int r = replay_begin(pair, law, arena, id, &replay);

	if (r < 0)
		return r;
	r = store_read_from(store, 1, replay_add, replay);
	if (r == 0)
		r = replay_end(replay, evidence, store_state(store).identity, ret_head);
	replay_free(replay);
	return r;
}
