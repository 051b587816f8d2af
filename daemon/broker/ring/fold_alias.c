/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/ring/fold_alias.h"
#include "daemon/broker/ring/fold_intent.h"

size_t alias_place(const struct version *version, const char *alias)
{
	size_t i = 0;

	while (i < version->n_alias && strcmp(version->alias[i], alias) != 0)
		i++;
	return i;
}

static int add(struct ring *ring, struct version *version, const char *alias)
{
	char **grown = realloc(version->alias, (version->n_alias + 1) * sizeof(*grown));
	int r;

	if (!grown)
		return log_origin(-ENOMEM);
	version->alias = grown;
	grown[version->n_alias] = strdup(alias);
	if (!grown[version->n_alias])
		return log_origin(-ENOMEM);
	r = table_put(&ring->kids, alias, strlen(alias), version);
	if (r < 0)
		free(grown[version->n_alias]);
	else
		version->n_alias++;
	return r;
}

static void take_away(struct ring *ring, struct version *version, size_t place)
{
	table_remove(&ring->kids, version->alias[place], strlen(version->alias[place]));
	free(version->alias[place]);
	version->n_alias--;
	memmove(&version->alias[place], &version->alias[place + 1],
		(version->n_alias - place) * sizeof(*version->alias));
}

int fold_alias(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct version *version = ring_version(ring, record->kid);
	const char *alias = record->n_alias == 1 ? record->alias[0] : "";
	size_t place;

	if (!version)
		return fold_contradiction(ret_why, why_size, "no such kid", record);
	if (!kid_valid(alias))
		return fold_contradiction(ret_why, why_size, "not one alias", record);
	if (strcmp(record->op, "add") == 0) {
		if (ring_version(ring, alias))
			return fold_contradiction(ret_why, why_size, "this alias was used before", record);
		return add(ring, version, alias);
	}
	place = alias_place(version, alias);
	if (strcmp(record->op, "remove") != 0 || place < version->n_alias_given || place == version->n_alias)
		return fold_contradiction(ret_why, why_size, "no alias that was added", record);
	take_away(ring, version, place);
	return 0;
}
