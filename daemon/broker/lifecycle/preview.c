/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/lifecycle/preview.h"
#include "daemon/broker/lifecycle/preview_words.h"
#include "daemon/broker/request/describe.h"

static void lines_free(struct lines *lines)
{
	while (lines->n > 0)
		free(lines->line[--lines->n]);
}

static void preview_free(struct preview *preview)
{
	lines_free(&preview->will);
	lines_free(&preview->stops);
	lines_free(&preview->warning);
	shadow_free(preview->shadow);
	change_free(preview->change);
	free(preview);
}

static void on_request_gone(struct request *request)
{
	preview_free(request->held);
}

/* ---- the answer ------------------------------------------------------------------------------------------------ */

static void set_lines(struct lines *lines, size_t *ret_n, char ***ret_lines)
{
	*ret_n = lines->n;
	*ret_lines = lines->line;
}

static int fill(struct preview *preview)
{
	struct request *request = preview->change->request;
	Cek__V1__PreviewReply *reply = &preview->reply;
	struct shadow *shadow = preview->shadow;
	int r = 0;

	preview_say(preview);
	set_lines(&preview->will, &reply->n_will, &reply->will);
	set_lines(&preview->stops, &reply->n_stops, &reply->stops);
	set_lines(&preview->warning, &reply->n_warning, &reply->warning);
	if (shadow)
		r = describe_key(request, &shadow->key, &(struct describe){.asked = shadow->changed}, &reply->key);
	request->reply.result_case = CEK__V1__REPLY__RESULT_PREVIEW;
	request->reply.preview = reply;
	snprintf(request->detail, sizeof(request->detail), "of %s", change_op(preview->change));
	return r;
}

int preview_answer(struct change *change)
{
	struct request *request = change->request;
	struct preview *preview = calloc(1, sizeof(*preview));
	int r;

	if (!preview) {
		change_free(change);
		return log_origin(-ENOMEM);
	}
	preview->change = change;
	preview->now = clock_real_us();
	cek__v1__preview_reply__init(&preview->reply);
	request->held = preview;
	request->gone = on_request_gone;
	if (change->kind != CHANGE_RESTORE) {
		preview->shadow = shadow_new(change, preview->now);
		if (!preview->shadow)
			return log_origin(-ENOMEM);
	}
	r = fill(preview);
	return r == 0 ? STATUS_OK : r;
}
