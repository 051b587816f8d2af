/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd --check wants to know of both journals, which are open and only looked at.
 */
#pragma once

#include "daemon/journal/serve/serve.h"
#include "proto/internal.pb-c.h"

enum { CHECK_FOUND = 3 };

/* What the message points to. */
struct check {
	Cek__Internal__V1__Checked__Found found[CHECK_FOUND], *pointers[CHECK_FOUND];
	char keys[STORE_WHY_MAX];
};

/* Why a journal cannot be used, which was logged when it was opened; NULL: both can. */
const char *check_trouble(const struct serve *serve);

/* Fill in the message; it lives as long as check and serve. 0 or -errno. */
int check_fill(struct check *check, const struct serve *serve, Cek__Internal__V1__Checked *checked);
