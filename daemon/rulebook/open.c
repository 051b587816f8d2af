/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rulebook/open.h"

#include <sys/stat.h>

/* Who makes the socket file is root, where more than one user is. */
static uid_t owner_of(const struct listener_wanted *listener)
{
	return listener->owner == (uid_t)-1 ? 0 : listener->owner;
}

static bool has_group(const struct listener_wanted *listener, const gid_t *gids, size_t n_gids)
{
	const gid_t group = listener->group == (gid_t)-1 ? 0 : listener->group;

	for (size_t i = 0; i < n_gids; i++)
		if (gids[i] == group)
			return true;
	return false;
}

/* connect(2) needs write permission; the first class that fits counts, as for any file. */
bool open_allows(const struct listener_wanted *listener, uid_t uid, const gid_t *gids, size_t n_gids)
{
	if (uid == 0)
		return true;
	if (uid == owner_of(listener))
		return listener->mode & S_IWUSR;
	if (has_group(listener, gids, n_gids))
		return listener->mode & S_IWGRP;
	return listener->mode & S_IWOTH;
}
