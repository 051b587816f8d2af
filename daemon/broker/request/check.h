/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of what a peer sends for the algorithms, judged before a token sees it. Everything here is public: names,
 * lengths, the presence of header parameters.
 */
#pragma once

#include "daemon/broker/request/request.h"

/* All return STATUS_OK, or a status whose text is set. */

/* alg must be there and be the key's own (RFC 8725 section 3.1). */
int check_alg(struct request *request, const struct key *key, const char *alg);

/* enc must be known; sets request->enc. */
int check_enc(struct request *request, const char *enc);

/* The exact length of encrypted_key for a version of this key, and the parameters that its alg needs, and no others. */
int check_wrapped(struct request *request, const struct key *key, unsigned rsa_bits, size_t encrypted_key_len,
	const AlgParams *params);

/* apu and apv for ECDH, nothing else. */
int check_wrap_params(struct request *request, const struct key *key, const AlgParams *params);
