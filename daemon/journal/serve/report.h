/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How both journals stand, as the broker knows it (internal.proto, JournalState), and when to try again what is wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/journal/audit.h"
#include "daemon/journal/law/law.h"
#include "daemon/journal/serve/pair.h"
#include "daemon/journal/store.h"

enum { REPORT_RETRY_US = 1000000 };

struct report {
	const struct pair *pair;
	const struct store *store;
	const struct audit *audit;
	struct law *law; /* NULL: none is kept */
	const char *sandbox;
	uint64_t retry_due; /* clock_monotonic_us(), 0 = all is well */
	char told_keys[STORE_WHY_MAX], told_audit[STORE_WHY_MAX], told_law[STORE_WHY_MAX];
	bool told_free_known;
	uint64_t told_free;
};

/* Whether all is well. */
bool report_ok(const struct report *report);

/* Tell the broker; always, or only what it does not know. 0 or -errno. */
int report_send(struct report *report);
int report_send_if_new(struct report *report);
