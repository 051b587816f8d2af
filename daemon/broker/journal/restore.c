/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/plural.h"
#include "daemon/broker/journal/restore.h"

const char *restore_refusal(const struct restore *restore)
{
	if (restore->asking)
		return "the key journal is empty, and the token has not said yet whether it holds keys";
	if (restore->empty)
		return "the key journal is empty, but the token is not: an operator must confirm it first";
	return "restored journal: an operator must confirm it first";
}

const char *restore_why(const struct restore *restore)
{
	if (restore->asking || restore->empty)
		return restore->why;
	return "restored journal: an operator must confirm it (cekctl restore show)";
}

/* Not the journal of the keys' life, as far as can be seen: no CEK from now on. */
static void suspect(struct restore *restore, struct ring *ring)
{
	if (ring->suspect)
		return;
	ring->suspect = true;
	ring->found_time = ring->last_time;
	memcpy(ring->found, restore->head, sizeof(ring->found));
}

static void log_suspect(const struct restore *restore)
{
	log_error("%s%s: no CEK is served until an operator confirms it (cekctl restore show)",
		restore->empty ? "" : "restored journal: ", restore->why);
}

static void keep_later(struct restore *restore, const Cek__Internal__V1__ReplayBatch *last)
{
	restore->more_later = last->more_later;
	for (size_t i = 0; i < last->n_later; i++) {
		char *text = restore->n_later < RESTORE_LATER_MAX ? strdup(last->later[i]) : NULL;

		if (text)
			restore->later[restore->n_later++] = text;
		else
			restore->more_later = true;
	}
}

static void forget_later(struct restore *restore)
{
	while (restore->n_later > 0)
		free(restore->later[--restore->n_later]);
}

bool restore_look(struct restore *restore, struct ring *ring, const Cek__Internal__V1__ReplayBatch *last)
{
	bool other = ring->file[0] != '\0' && last->file[0] != '\0' && strcmp(ring->file, last->file) != 0;

	forget_later(restore);
	keep_later(restore, last);
	snprintf(restore->file, sizeof(restore->file), "%s", last->file);
	snprintf(restore->why, sizeof(restore->why), "%s",
		last->outlived ? "audit.jsonl knows of a longer life of the keys than keys.jsonl"
			       : "keys.jsonl is not the file that cekd wrote last, but a copy of it");
	snprintf(restore->head, sizeof(restore->head), "%llu:%s", (unsigned long long)ring->last_seq, last->hash);
	if (other || last->outlived)
		suspect(restore, ring);
	restore->empty = false;
	restore->asking = ring->n_keys == 0 && !ring->confirmed && !other && !last->outlived;
	if (ring->suspect && !restore->asking)
		log_suspect(restore);
	if (restore->asking)
		snprintf(restore->why, sizeof(restore->why),
			"keys.jsonl has no keys, and the token has not said yet whether it holds any");
	return restore->asking;
}

void restore_not_told(struct restore *restore, const char *why)
{
	char now[sizeof(restore->why)];

	snprintf(now, sizeof(now), "keys.jsonl has no keys, and the token cannot be asked whether it holds any: %s",
		why);
	if (!restore->logged)
		log_warning("%s; cekd tries again, after pauses that grow to a minute", now);
	restore->logged = true;
	memcpy(restore->why, now, sizeof(now));
}

void restore_told(struct restore *restore, struct ring *ring, size_t n, size_t foreign)
{
	restore->asking = restore->logged = false;
	restore->foreign = 0;
	restore->empty = n > 0 || ring->suspect;
	if (n > 0) {
		suspect(restore, ring);
		snprintf(restore->why, sizeof(restore->why),
			"keys.jsonl has no keys, but the token holds %zu that cekd made (is the state directory "
			"mounted?)",
			n);
	} else if (ring->suspect) {
		snprintf(restore->why, sizeof(restore->why),
			"keys.jsonl has no keys, but when it was begun the token held some");
	}
	if (ring->suspect)
		log_suspect(restore);
	else
		restore->foreign = foreign;
	if (restore->foreign > 0)
		log_warning("token holds %zu key%s the journal does not know: if adopted, then the journal that knows "
			    "of that is "
			    "lost or not mounted (cekctl fsck tells more)",
			restore->foreign, plural(restore->foreign));
}

void restore_fill_open(struct restore *restore, struct ring *ring, KeyRecord *open)
{
	open->file = restore->file;
	open->suspect = ring->suspect;
	if (open->suspect)
		open->found = ring->found;
}

void restore_deinit(struct restore *restore)
{
	forget_later(restore);
}
