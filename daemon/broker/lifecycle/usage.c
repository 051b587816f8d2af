/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/journal/journal.h"
#include "daemon/broker/lifecycle/usage.h"

enum {
	ROWS_MAX = 170, /* of a record: 17 of each version, and all fit into a datagram */
	PEER_MAX = 280,
	VERSIONS_MAX = ROWS_MAX / (RING_PEERS_MAX + 1),
};

struct counters {
	struct append append;
	struct broker *broker;
	struct version *versions[VERSIONS_MAX];
	size_t n_versions;
	KidUsage rows[ROWS_MAX];
	KidUsage *pointers[ROWS_MAX];
	char peers[ROWS_MAX][PEER_MAX];
	size_t n_rows;
};

static KidUsage *add_row(struct counters *counters, const struct version *version)
{
	KidUsage *row = &counters->rows[counters->n_rows];

	*row = (KidUsage)CEK__INTERNAL__V1__KID_USAGE__INIT;
	row->kid = version->kid;
	counters->pointers[counters->n_rows++] = row;
	return row;
}

static void add_version(struct counters *counters, struct version *version)
{
	KidUsage *row = add_row(counters, version);

	row->unwraps = version->unwraps;
	row->wraps = version->wraps;
	row->refused = version->refused;
	row->without_kid = version->without_kid;
	row->last_time = version->last_used;
	for (size_t i = 0; i < version->n_peers; i++) {
		const struct usage *usage = &version->peers[i];

		row = add_row(counters, version);
		row->peer = counters->peers[counters->n_rows];
		snprintf(row->peer, PEER_MAX, "%s/%u", usage->listener, usage->uid);
		row->unwraps = usage->unwraps;
		row->wraps = usage->wraps;
		row->last_time = usage->last_used;
	}
	counters->versions[counters->n_versions++] = version;
}

static void on_durable(struct append *append, bool ok)
{
	struct counters *counters = list_entry(append, struct counters, append);
	struct ring *ring = &counters->broker->ring;

	for (size_t i = 0; !ok && i < counters->n_versions; i++) {
		if (list_empty(&counters->versions[i]->dirty))
			list_append(&ring->dirty, &counters->versions[i]->dirty);
	}
	counters->broker->steps.n_usage--;
	free(counters);
}

int usage_append(struct broker *broker)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;
	struct counters *counters = calloc(1, sizeof(*counters));
	struct link *link;
	int r;

	if (!counters)
		return -ENOMEM;
	counters->append.done = on_durable;
	counters->broker = broker;
	while (counters->n_versions < VERSIONS_MAX && (link = list_take(&broker->ring.dirty)))
		add_version(counters, list_entry(link, struct version, dirty));
	record.type = (char *)"usage";
	record.by_cekd = true;
	record.usage = counters->pointers;
	record.n_usage = counters->n_rows;
	broker->steps.n_usage++;
	r = journal_append(&broker->journal, &counters->append, &(KeyRecord *){&record}, 1);
	if (r < 0)
		on_durable(&counters->append, false);
	return r;
}
