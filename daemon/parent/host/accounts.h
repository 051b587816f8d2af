/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups of the configuration: names, or numbers where the account need not exist.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	ACCOUNT_GROUPS_MAX = 32,
};

/* What a child runs as. */
struct account {
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_GROUPS_MAX]; /* supplementary ones; a number without an account has none */
	size_t n_groups;
};

/* 0; -ENOENT if there is none of that name. */
int account_uid(const char *text, uid_t *ret_uid);
int account_gid(const char *text, gid_t *ret_gid);

/* The whole account. A number without an account gets the same number as its group. 0; -ENOENT; -E2BIG when it is in
 * too many groups. */
int account_find(const char *text, struct account *ret_account);

/* Whether there is an account, or a group, with this number. */
bool account_uid_known(uid_t uid);
bool account_gid_known(gid_t gid);
