/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/offer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static void add(struct offer *offer, int fd)
{
	offer->fds[offer->n_fds++] = fd;
}

void offer_fill(struct offer *offer, const struct config *config, const struct state *state,
	const struct listeners *listeners, bool sandboxed)
{
	offer->n_fds = 0;
	add(offer, state->directory);
	add(offer, state->lock);
	add(offer, state->place);
	add(offer, state->keys);
	add(offer, state->audit);
	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener_file *file = &listeners->files[i];
		Cek__Internal__V1__HandedListener *row = &offer->row[i];

		cek__internal__v1__handed_listener__init(row);
		row->name = config->listeners[i].name;
		row->path = config->listeners[i].path;
		row->made = file->made >= 0;
		offer->rows[i] = row;
		add(offer, listeners->fds[i]);
		if (!row->made)
			continue;
		add(offer, file->folder);
		add(offer, file->made);
	}
	cek__internal__v1__offer__init(&offer->message);
	offer->message.state_directory = config->state_directory;
	offer->message.sandboxed = sandboxed;
	offer->message.listener = offer->rows;
	offer->message.n_listener = listeners->n;
}

static bool read_listener(const Cek__Internal__V1__HandedListener *row, const int *fds, size_t n_fds, size_t *used,
	struct listener_handed *ret_listener)
{
	const size_t wants = row->made ? 3 : 1;

	if (strlen(row->name) >= LISTENERS_NAME_MAX || strlen(row->path) >= LISTENERS_PATH_MAX || row->path[0] != '/' ||
		n_fds < *used + wants)
		return false;
	*ret_listener = (struct listener_handed){.fd = fds[*used], .folder = -1, .made = -1};
	if (row->made) {
		ret_listener->folder = fds[*used + 1];
		ret_listener->made = fds[*used + 2];
	}
	(void)snprintf(ret_listener->name, sizeof(ret_listener->name), "%s", row->name);
	(void)snprintf(ret_listener->path, sizeof(ret_listener->path), "%s", row->path);
	*used += wants;
	return true;
}

int offer_read(const Cek__Internal__V1__Offer *message, const int *fds, size_t n_fds, size_t n_more,
	struct handed *ret_handed)
{
	size_t used = STATE_FDS;

	if (n_fds < STATE_FDS || message->n_listener > LISTENERS_MAX ||
		strlen(message->state_directory) >= sizeof(ret_handed->state_directory))
		return log_origin(-EPROTO);
	(void)snprintf(ret_handed->state_directory, sizeof(ret_handed->state_directory), "%s",
		message->state_directory);
	ret_handed->sandboxed = message->sandboxed;
	memcpy(ret_handed->state, fds, sizeof(ret_handed->state));
	ret_handed->n_listeners = message->n_listener;
	for (size_t i = 0; i < message->n_listener; i++)
		if (!read_listener(message->listener[i], fds, n_fds, &used, &ret_handed->listeners[i]))
			return log_origin(-EPROTO);
	return used + n_more == n_fds ? 0 : log_origin(-EPROTO);
}
