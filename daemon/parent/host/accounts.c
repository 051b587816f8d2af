/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/host/accounts.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* 4294967295 means "no change" to the kernel. */
static int parse_id(const char *text, unsigned *ret_id)
{
	unsigned long long id;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -ENOENT;
	errno = 0;
	id = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || id >= 0xffffffffULL)
		return -ENOENT;
	*ret_id = (unsigned)id;
	return 0;
}

int account_uid(const char *text, uid_t *ret_uid)
{
	const struct passwd *entry = getpwnam(text);

	if (entry == NULL)
		return parse_id(text, ret_uid);
	*ret_uid = entry->pw_uid;
	return 0;
}

int account_gid(const char *text, gid_t *ret_gid)
{
	const struct group *entry = getgrnam(text);

	if (entry == NULL)
		return parse_id(text, ret_gid);
	*ret_gid = entry->gr_gid;
	return 0;
}

int account_find(const char *text, struct account *ret_account)
{
	struct account account = {0};
	const struct passwd *entry = getpwnam(text);
	int n = ACCOUNT_GROUPS_MAX;

	if (entry == NULL) {
		if (parse_id(text, &account.uid) < 0)
			return -ENOENT;
		account.gid = account.uid;
		entry = getpwuid(account.uid);
	}
	if (entry != NULL) {
		account.uid = entry->pw_uid;
		account.gid = entry->pw_gid;
		if (getgrouplist(entry->pw_name, entry->pw_gid, account.groups, &n) < 0)
			return -E2BIG;
		account.n_groups = (size_t)n;
	}
	*ret_account = account;
	return 0;
}

bool account_uid_known(uid_t uid)
{
	return getpwuid(uid) != NULL;
}

bool account_gid_known(gid_t gid)
{
	return getgrgid(gid) != NULL;
}
