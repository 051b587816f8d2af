/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a preview says of a change, kind by kind, in words.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cek.pb-c.h"
#include "daemon/broker/lifecycle/change_data.h"
#include "daemon/broker/lifecycle/shadow.h"

enum { PREVIEW_LINES_MAX = 16 };

struct lines {
	char *line[PREVIEW_LINES_MAX];
	size_t n;
};

/* What stays until the reply is written: it points into all of it. */
struct preview {
	struct change *change;
	struct shadow *shadow;
	uint64_t now;
	struct lines will, stops, warning;
	Cek__V1__PreviewReply reply;
	Cek__V1__Usage last;
};

/* Fill in its lines, and of its reply what does not follow from them. */
void preview_say(struct preview *preview);
