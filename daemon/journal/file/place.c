/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/file/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int place_init(struct place *place, int directory, const char *path, const char *file)
{
	struct stat st;

	if (fstat(directory, &st) < 0)
		return -errno;
	*place = (struct place){.directory = directory, .path = path, .file = file, .dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

/* 0 or -errno; what may not be looked at is as it was expected. */
static int same(int at, const char *path, int flags, dev_t dev, ino_t ino, bool *ret_same)
{
	struct stat st;

	*ret_same = true;
	if (fstatat(at, path, &st, flags) < 0)
		return errno == EACCES || errno == EPERM ? 0 : -errno;
	*ret_same = st.st_dev == dev && st.st_ino == ino;
	return 0;
}

/* Its content can still be had, as long as somebody holds it open. */
static int removed(const char *file, int fd, bool replaced, char why[PLACE_WHY_MAX])
{
	/* A copy of the key journal is another file: an operator says that it is the right one. */
	snprintf(why, PLACE_WHY_MAX,
		": was %s while cekd runs: copy /proc/%d/fd/%d there (it is the file), then restart cekd%s",
		replaced ? "replaced by another file" : "removed", (int)getpid(), fd,
		strcmp(file, "keys.jsonl") == 0 ? " and confirm it (cekctl restore confirm)" : "");
	return -ESTALE;
}

int place_look(const struct place *place, int fd, const struct stat *st, char why[PLACE_WHY_MAX])
{
	bool there, here;
	int r = same(place->directory, place->file, AT_SYMLINK_NOFOLLOW, st->st_dev, st->st_ino, &there);

	if (st->st_nlink == 0)
		return removed(place->file, fd, r == 0 && !there, why);
	if (r == -ENOENT)
		snprintf(why, PLACE_WHY_MAX, ": was moved away while cekd runs: move it back");
	else if (r < 0)
		snprintf(why, PLACE_WHY_MAX, ": cannot be looked at: %s", strerror(-r));
	else if (!there)
		snprintf(why, PLACE_WHY_MAX,
			": is another file now, the one that cekd writes was moved away: move that one back");
	if (r < 0 || !there)
		return -ESTALE;
	r = same(AT_FDCWD, place->path, 0, place->dev, place->ino, &here);
	if (r < 0)
		snprintf(why, PLACE_WHY_MAX, ": its directory is gone (%s): bring it back, or restart cekd",
			strerror(-r));
	else if (!here)
		snprintf(why, PLACE_WHY_MAX,
			": another directory stands there now (unmounted, mounted over or moved?): bring back the one "
			"that cekd began with, or restart cekd");
	return r < 0 || !here ? -ESTALE : 0;
}

void place_identity(int fd, char ret_identity[PLACE_IDENTITY_MAX])
{
	struct statx st = {0};

	ret_identity[0] = 0;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return;
	if (!(st.stx_mask & STATX_BTIME))
		st.stx_btime.tv_sec = st.stx_btime.tv_nsec = 0;
	snprintf(ret_identity, PLACE_IDENTITY_MAX, "%" PRIu64 ":%" PRId64 ".%09u", (uint64_t)st.stx_ino,
		(int64_t)st.stx_btime.tv_sec, (unsigned)st.stx_btime.tv_nsec);
}
