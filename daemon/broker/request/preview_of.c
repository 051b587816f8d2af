/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/request/preview_of.h"

static int refuse(enum status status, const char *why, const char **ret_why)
{
	*ret_why = why;
	return (int)status;
}

/* A change in it has the number that it has in a request, and both are pointers to a message of the same type: a unit
 * test looks. */
int preview_of(struct arena *arena, const CekRequest *message, const CekRequest **ret_inside, const char **ret_why)
{
	const Cek__V1__PreviewRequest *preview = message->preview;
	CekRequest *inside = arena_alloc(arena, sizeof(*inside));

	if (!inside)
		return log_origin(-ENOMEM);
	if (preview->change_case == CEK__V1__PREVIEW_REQUEST__CHANGE__NOT_SET && preview->base.n_unknown_fields > 0)
		return refuse(STATUS_UNSUPPORTED, "preview: a change that this cekd does not know", ret_why);
	if (preview->change_case == CEK__V1__PREVIEW_REQUEST__CHANGE__NOT_SET)
		return refuse(STATUS_MALFORMED, "preview: of what is missing", ret_why);
	cek__v1__request__init(inside);
	inside->deadline_ms = message->deadline_ms;
	inside->op_case = (Cek__V1__Request__OpCase)preview->change_case;
	inside->create_key = preview->create_key;
	if (inside->op_case == CEK__V1__REQUEST__OP_ROTATE_KEY && inside->rotate_key->plan)
		return refuse(STATUS_MALFORMED, "plan: changes nothing, so that there is nothing to preview", ret_why);
	if (inside->op_case == CEK__V1__REQUEST__OP_RESTORE && !inside->restore->confirm)
		return refuse(STATUS_MALFORMED,
			"confirm: without it nothing changes, so that there is nothing to preview", ret_why);
	*ret_inside = inside;
	return STATUS_OK;
}
