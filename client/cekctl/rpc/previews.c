/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/previews.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/rpc.h"

/* Takes line, which malloc(3) made. */
static bool add_line(char *line, size_t *n, char ***lines)
{
	char **more = line ? realloc(*lines, (*n + 1) * sizeof(*more)) : NULL;

	if (!more) {
		free(line);
		return false;
	}
	*lines = more;
	more[(*n)++] = line;
	return true;
}

/* Said once is enough. */
static bool add_lines(char **from, size_t n_from, size_t *n, char ***lines)
{
	for (size_t i = 0; i < n_from; i++) {
		bool said = false;

		for (size_t j = 0; j < *n; j++)
			said |= strcmp((*lines)[j], from[i]) == 0;
		if (!said && !add_line(strdup(from[i]), n, lines))
			return false;
	}
	return true;
}

/* The youngest version of from, which cekd counted without those before it. */
static bool add_version(Cek__V1__PreviewReply *all, Cek__V1__Key *from)
{
	Cek__V1__Key *key = all->key;
	Cek__V1__Version **more = realloc(key->version, (key->n_version + 1) * sizeof(*more));
	Cek__V1__Version *version;
	char *line = NULL;

	if (!more)
		return false;
	key->version = more;
	version = from->version[--from->n_version];
	version->number = more[key->n_version - 1]->number + 1;
	version->state = CEK__V1__STATE__STATE_DEACTIVATED;
	version->activated = 0;
	more[key->n_version++] = version;
	if (asprintf(&line, "version %u of key %s is imported into the token and becomes deactivated: it only unwraps",
		    version->number, key->name) < 0)
		line = NULL;
	return add_line(line, &all->n_will, &all->will);
}

static bool merge(Cek__V1__PreviewReply *all, const Cek__V1__PreviewReply *one)
{
	all->ask |= one->ask;
	return add_version(all, one->key) && add_lines(one->stops, one->n_stops, &all->n_stops, &all->stops) &&
		add_lines(one->warning, one->n_warning, &all->n_warning, &all->warning);
}

static bool has_version(const Cek__V1__PreviewReply *preview)
{
	return preview->key && preview->key->n_version > 0;
}

int previews_add(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply **all)
{
	Cek__V1__Reply *reply;
	int r = change_preview(ctl, request, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	if (!has_version(reply->preview)) {
		rpc_reply_free(reply);
		return rpc_fail_protocol(ctl, "cekd's preview has no version");
	}
	if (!*all) {
		*all = reply;
		return EXIT_SUCCESS;
	}
	if (!merge((*all)->preview, reply->preview))
		r = ctl_fail(ctl, "out of memory");
	rpc_reply_free(reply);
	return r;
}
