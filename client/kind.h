/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which reply answers a call: what packs a request, what keeps the call and what judges the answer need the same.
 */
#pragma once

enum call_kind {
	CALL_ANY, /* packed by the caller */
	CALL_UNWRAP,
	CALL_WRAP,
	CALL_GENERATE,
	CALL_REWRAP,
	CALL_KEY,
	CALL_LIST_KEYS,
	CALL_PUBLIC_KEYS,
	CALL_STATUS,
	CALL_WATCH,
};
