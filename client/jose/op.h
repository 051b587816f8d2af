/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation that waits for cekd. Its callback frees it; until then the caller may cancel it.
 */
#pragma once

#include "client/jose/cek-jose.h"

struct cek_jwe_op {
	cek_call *call;
	cek_jwe_op *inner; /* the operation that this one waits for, instead of a call; NULL = none */
};
