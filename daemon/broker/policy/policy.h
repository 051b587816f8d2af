/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what on which key. Rules grant; nothing denies; what no rule grants is refused, to root as to anybody.
 *
 * A connection is matched against listener, uid and groups once (policy_match), which leaves the set of rules that
 * speak of it; a request then looks at those only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/broker/base/names.h"
#include "daemon/broker/policy/permission.h"

enum {
	POLICY_RULES_MAX = 256,
	POLICY_UID_UNMAPPED = 65534, /* how the kernel shows a uid that our user namespace does not map */
};

struct policy_rule;

struct policy {
	struct policy_rule *rules;
	size_t n_rules;
};

struct grants {
	uint64_t rules[POLICY_RULES_MAX / 64];
	uint32_t permissions; /* bits of all permissions that some of the rules grants */
};

/* Copy the rules. 0; -EINVAL for an unknown listener or operation, -E2BIG for too many rules, -ENOMEM; ret_why then
 * names what is wrong. */
int policy_load(Rule *const *rules, size_t n_rules, char *const *listeners, size_t n_listeners,
	struct policy *ret_policy, char *ret_why, size_t why_size);

void policy_deinit(struct policy *policy);

/* The rules that speak of a peer with this uid and these groups (primary and supplementary) on this listener. */
void policy_match(const struct policy *policy, size_t listener, uid_t uid, const gid_t *gids, size_t n_gids,
	struct grants *ret_grants);

/* Permissions (1 << enum permission) on the key of this name. */
uint32_t policy_permissions(const struct policy *policy, const struct grants *grants, const char *key);

/* One permission on one key; the same work whether the key exists or not. */
bool policy_allows(const struct policy *policy, const struct grants *grants, enum permission permission,
	const char *key);

/* One permission on some key, or where no key is involved. */
bool policy_allows_some(const struct grants *grants, enum permission permission);
