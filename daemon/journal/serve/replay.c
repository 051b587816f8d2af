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
struct batch {
	const struct pair *pair;
	struct arena *arena;
	uint64_t id;
	KeyRecord *records[BATCH_RECORDS];
	size_t n, bytes;
	struct chain_head head; /* after the last one added */
};

static int send_replay(struct batch *batch, ReplayBatch *replay)
{
	Cek__Internal__V1__FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	int r;

	replay->record = batch->records;
	replay->n_record = batch->n;
	replay->id = batch->id;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = replay;
	r = pair_send(batch->pair, &message);
	arena_reset(batch->arena);
	batch->n = batch->bytes = 0;
	return r;
}

static int send_batch(struct batch *batch)
{
	ReplayBatch replay = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;

	return send_replay(batch, &replay);
}

/* The last one. Changes that only the audit journal knows may be long: then they travel alone. */
static int send_last_batch(struct batch *batch, const struct evidence *evidence, const char *identity)
{
	ReplayBatch replay = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	char *later[EVIDENCE_LATER_MAX];
	const char *line;
	int r = evidence->outlived && batch->n > 0 ? send_batch(batch) : 0;

	if (r < 0)
		return r;
	while (replay.n_later < EVIDENCE_LATER_MAX && (line = evidence_later(evidence, replay.n_later)))
		later[replay.n_later++] = (char *)line;
	replay.later = later;
	replay.more_later = evidence_more_later(evidence);
	replay.outlived = evidence->outlived;
	replay.file = (char *)identity;
	replay.hash = batch->head.hash;
	replay.end = true;
	return send_replay(batch, &replay);
}

static int add_to_batch(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct batch *batch = userdata;
	size_t len = cek__internal__v1__key_record__get_packed_size(record);
	uint8_t *packed;
	int r;

	if (batch->n == BATCH_RECORDS || batch->bytes + len + BATCH_AROUND > BATCH_BYTES) {
		r = send_batch(batch);
		if (r < 0)
			return r;
	}
	packed = arena_alloc(batch->arena, len);
	if (!packed)
		return log_origin(-ENOMEM);
	cek__internal__v1__key_record__pack(record, packed);
	batch->records[batch->n] = cek__internal__v1__key_record__unpack(arena_allocator(batch->arena), len, packed);
	if (!batch->records[batch->n])
		return log_origin(-ENOMEM);
	batch->n++;
	batch->bytes += len + BATCH_AROUND;
	batch->head = *head;
	return 0;
}

int replay_send(const struct pair *pair, struct store *store, const struct evidence *evidence, struct arena *arena,
	uint64_t id, struct chain_head *ret_head)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int r;

	if (!batch)
		return log_origin(-ENOMEM);
	batch->pair = pair;
	batch->arena = arena;
	batch->id = id;
	batch->head = chain_start();
	arena_reset(arena);
	r = store_read_from(store, 1, add_to_batch, batch);
	if (r == 0)
		r = send_last_batch(batch, evidence, store_state(store).identity);
	if (r == 0)
		*ret_head = batch->head;
	free(batch);
	return r;
}
