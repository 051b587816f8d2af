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
	static const char *const others[] = {"none", "preview", "explain"};

	if (row < PERMISSION_COUNT)
		return permission_name((enum permission)row);
	return others[row < METRIC_COUNT ? row - METRIC_NONE : 0];
}
