/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation that waits for cekd. Its callback frees it; until then the caller may cancel it.
 */
#pragma once

#include "client/cek.h"

struct cek_jwe_op {
	cek_call *call;
};
