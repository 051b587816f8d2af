/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA-OAEP (RFC 7518 section 4.3).
 */
#pragma once

#include "daemon/token/algs/wrap.h"

unwrap_fn rsa_unwrap;
wrap_fn rsa_wrap;
