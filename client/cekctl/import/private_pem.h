/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys as OpenSSL's tools write them: PEM or DER; PKCS#8 (RFC 5958), PKCS#1 and SEC 1, encrypted or not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "client/cekctl/import/passphrase.h"
#include "client/cekctl/import/private_why.h"

/* What the first bytes say. A JWK is neither. */
bool private_is_pem(const char *data, size_t len);
bool private_is_der(const char *data, size_t len);

/* The one private key of the file; the passphrase is asked for only if it is encrypted, and at most once. NULL with one
 * English phrase in why. */
EVP_PKEY *private_pem_read(const char *data, size_t len, const struct passphrase *passphrase, char why[PRIVATE_WHY]);
EVP_PKEY *private_der_read(const char *data, size_t len, const struct passphrase *passphrase, char why[PRIVATE_WHY]);
