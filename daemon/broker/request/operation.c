/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/request/operation.h"

const struct operation *operation_find(const struct operation *rows, size_t n, Cek__V1__Request__OpCase op)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].op == op)
			return &rows[i];
	}
	return NULL;
}

const char *operation_metric(size_t row)
{
	return row < PERMISSION_COUNT ? permission_name((enum permission)row) : "none";
}
