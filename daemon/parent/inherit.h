/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes on the descriptor of cekd --take-over: the offer of a cekd that serves, to its heir; or, for the heir's
 * program in that one's place, all that it has got.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/parent/config/config.h"
#include "daemon/parent/family.h"
#include "daemon/parent/news.h"
#include "daemon/parent/offer.h"
#include "proto/sequence.h"

enum {
	INHERITED_CHILDREN_MAX = 3 + 2 * CONFIG_WORKERS_MAX,
};

struct inherited_child {
	unsigned role, index, place, generation;
	bool manage, now, ready;
	enum child_pin pin;
	pid_t pid;
	int control;
	int executing; /* workers */
};

struct inheritance {
	struct handed handed;
	bool heir; /* an offer; else the rest is set as well: */
	int journal_pair[2];
	int config;   /* the text of the configuration */
	int receipts; /* the key of the children's receipts */
	bool announced;
	char status[200];
	uint64_t broken[SEQUENCE_PAIRS];
	struct inherited_child children[INHERITED_CHILDREN_MAX];
	size_t n_children;
};

/* 0 or -errno, which is logged. */
int inherit_read(struct inheritance *ret_inheritance);

/* The children are those of the family, which is new. 0 or -errno. */
int inherit_children(const struct inheritance *inheritance, struct family *family, struct news *news);
