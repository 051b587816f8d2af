/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a row of the table of operations says: one RPC of cek.proto.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/base/names.h"
#include "daemon/broker/policy/permission.h"

struct request;

/* Every handler: returns a status, STATUS_PENDING if it has started something that will finish the request, or -errno
 * for a fault of the broker. It may look at request->message until it returns. */
typedef int (*operation_handler)(struct request *request);

/* Which key a request is about. Strings are those of the message, "" if not given. */
struct target {
	const char *key, *kid;
};

struct operation {
	Cek__V1__Request__OpCase op;
	const char *name;
	enum permission permission;
	operation_handler handler; /* NULL: of a preview, which is handled as what it is about */
	void (*target)(const CekRequest *message, struct target *ret_target); /* NULL: not about one key */
	bool creates;                                                         /* the key need not exist */
	bool large;                                                           /* the reply may be as long as a frame */
	bool slow;                                                            /* the manage worker's deadline */
	bool always;                                                          /* also when the journal does not write */
	bool at_once;                                                         /* answered before its record is out */
	/* also under a restored journal that nobody has confirmed: it looks, or makes things stricter */
	bool unconfirmed;
	bool anyone; /* needs no permission: the handler gives out only what its peer may know */
};

/* The rows of the metrics: one a permission, and these. */
enum { METRIC_NONE = PERMISSION_COUNT, METRIC_PREVIEW, METRIC_EXPLAIN, METRIC_COUNT };

/* The row of an operation among these, NULL if there is none. */
const struct operation *operation_find(const struct operation *rows, size_t n, Cek__V1__Request__OpCase op);

/* The name under which a row of the metrics stands, and a request in the audit trail: a permission's; "preview",
 * "explain"; or "none" for what was no request. */
const char *operation_metric(size_t row);
