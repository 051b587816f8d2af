/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES key wrap (RFC 3394, RFC 7518 section 4.4).
 */
#pragma once

#include "daemon/token/algs/wrap.h"

unwrap_fn aeskw_unwrap;
wrap_fn aeskw_wrap;
