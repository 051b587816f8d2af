/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule of cekd.conf, and which parts of a question it meets: what policy.c and explain.c share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct policy_rule {
	char *name;
	uint64_t listeners; /* bits; all ones: every listener */
	uint32_t *uids;
	size_t n_uids;
	uint32_t *gids;
	size_t n_gids;
	bool anyone;
	uint32_t permissions;
	char **keys;
	size_t n_keys;
};

bool rule_listens(const struct policy_rule *rule, size_t listener);
bool rule_names_user(const struct policy_rule *rule, uid_t uid, const gid_t *gids, size_t n_gids);
bool rule_names_key(const struct policy_rule *rule, const char *key);
