/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM key wrap (RFC 7518 section 4.7).
 */
#pragma once

#include "daemon/token/algs/wrap.h"

unwrap_fn gcmkw_unwrap;
wrap_fn gcmkw_wrap;
