/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/token/softhsm.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_CONF = 1024, SERIAL_DIGITS = 16 };

static int complain(char why[SOFTHSM_WHY], const char *what, const char *path, int error)
{
	snprintf(why, SOFTHSM_WHY, "%s %s: %s", what, path, strerror(error));
	return -error;
}

static int make_dir(const char *path, mode_t mode, char why[SOFTHSM_WHY])
{
	int fd, r = 0;

	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 0 : complain(why, "cannot make directory", path, errno);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) < 0)
		r = complain(why, "cannot set the mode of", path, errno);
	if (fd >= 0)
		close(fd);
	return r;
}

static int write_conf(const char *path, const char *token_dir, char why[SOFTHSM_WHY])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : complain(why, "cannot make", path, errno);
	if (fchmod(fd, 0644) < 0 ||
		dprintf(fd,
			"# SoftHSM for cekd, see softhsm2.conf(5)\n"
			"directories.tokendir = %s\n"
			"objectstore.backend = file\n"
			"log.level = ERROR\n"
			"slots.removable = false\n"
			"slots.mechanisms = ALL\n"
			"library.reset_on_fork = false\n",
			token_dir) < 0)
		r = complain(why, "cannot write", path, errno);
	if (close(fd) < 0 && r == 0)
		r = complain(why, "cannot write", path, errno);
	return r;
}

int softhsm_prepare(const char *dir, char conf[SOFTHSM_PATH], char why[SOFTHSM_WHY])
{
	char full[PATH_MAX], tokens[SOFTHSM_PATH];
	int r = make_dir(dir, 0755, why);

	if (r < 0)
		return r;
	if (!realpath(dir, full))
		return complain(why, "cannot resolve", dir, errno);
	if (snprintf(tokens, sizeof(tokens), "%s/tokens", full) >= SOFTHSM_PATH ||
		snprintf(conf, SOFTHSM_PATH, "%s/softhsm2.conf", full) >= SOFTHSM_PATH)
		return complain(why, "cannot use", dir, ENAMETOOLONG);
	r = make_dir(tokens, 0700, why);
	if (r == 0)
		r = write_conf(conf, tokens, why);
	if (r == 0 && setenv("SOFTHSM2_CONF", conf, 1) < 0)
		r = complain(why, "cannot set", "SOFTHSM2_CONF", errno);
	return r;
}

/* The value of "directories.tokendir = value", or NULL. */
static char *token_dir_of(char *line)
{
	static const char name[] = "directories.tokendir";
	char *p = line, *end;

	p += strspn(p, " \t");
	if (strncmp(p, name, sizeof(name) - 1) != 0)
		return NULL;
	p += sizeof(name) - 1;
	p += strspn(p, " \t");
	if (*p++ != '=')
		return NULL;
	p += strspn(p, " \t");
	for (end = p + strlen(p); end > p && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	return *p ? p : NULL;
}

int softhsm_token_dir(const char *conf, char ret_dir[SOFTHSM_PATH], char why[SOFTHSM_WHY])
{
	char line[LINE_MAX_CONF];
	FILE *file = fopen(conf, "re");
	bool found = false;

	if (!file)
		return complain(why, "cannot read", conf, errno);
	while (!found && fgets(line, sizeof(line), file)) {
		const char *dir = token_dir_of(line);

		if (!dir || strlen(dir) >= SOFTHSM_PATH)
			continue;
		strcpy(ret_dir, dir);
		found = true;
	}
	fclose(file);
	if (found)
		return 0;
	snprintf(why, SOFTHSM_WHY, "%s names no directories.tokendir", conf);
	return -EINVAL;
}

/* SoftHSM names a token's directory by a UUID, whose last 16 hex digits are the serial number. */
static bool is_token(const char *name, const char *serial)
{
	char digits[SERIAL_DIGITS + 1];
	size_t n = SERIAL_DIGITS;

	digits[n] = '\0';
	for (size_t i = strlen(name); i > 0 && n > 0; i--)
		if (name[i - 1] != '-')
			digits[--n] = name[i - 1];
	return n == 0 && strcmp(digits, serial) == 0;
}

/* The directory may belong to uid already, who could put a link to a file of somebody else into it. */
static int give_file(int dir, const char *name, uid_t uid, gid_t gid)
{
	const bool keep = strcmp(name, "token.object") == 0;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		r = -EMLINK;
	else if (fchown(fd, keep ? (uid_t)-1 : uid, gid) < 0 || (keep && fchmod(fd, 0440) < 0))
		r = -errno;
	close(fd);
	return r;
}

static int give_files(DIR *token, uid_t uid, gid_t gid)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(token)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = give_file(dirfd(token), entry->d_name, uid, gid);
	if (r == 0 && fchown(dirfd(token), uid, gid) < 0)
		r = -errno;
	return r;
}

static DIR *open_token(DIR *dir, const char *serial)
{
	const struct dirent *entry;
	DIR *token = NULL;

	errno = ENOENT;
	while (!token && (entry = readdir(dir))) {
		int fd;

		if (!is_token(entry->d_name, serial))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			break;
		token = fdopendir(fd);
		if (!token)
			close(fd);
	}
	return token;
}

int softhsm_give_token(const char *token_dir, const char *serial, uid_t uid, gid_t gid, char why[SOFTHSM_WHY])
{
	DIR *dir = opendir(token_dir), *token = dir ? open_token(dir, serial) : NULL;
	int r = token ? 0 : complain(why, "cannot find the new token in", token_dir, errno);

	if (r == 0) {
		r = give_files(token, uid, gid);
		closedir(token);
		if (r == 0 && fchown(dirfd(dir), uid, gid) < 0)
			r = -errno;
		if (r < 0)
			complain(why, "cannot change the owner of the token in", token_dir, -r);
	}
	if (dir)
		closedir(dir);
	return r;
}
