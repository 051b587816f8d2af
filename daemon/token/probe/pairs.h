/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the probe that need a key pair.
 */
#pragma once

#include "daemon/token/facts/token.h"
#include "proto/alg.h"

/* Fill what is not yet true of token->facts.oaep and raw_rsa. */
void probe_rsa(struct token *token);

/* Fill token->facts.curve of this curve, unless it works already. X25519 is generated in three ways (PKCS#11 3.0,
 * SoftHSM, NSS). */
void probe_curve(struct token *token, const struct curve *curve);
