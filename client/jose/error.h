/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling in struct cek_jwe_error, and what the statuses of libcek mean for a JWE.
 */
#pragma once

#include "client/jose/cek-jose.h"

/* error (NULL is allowed) gets code and the formatted details, cut to size, everything but printable ASCII replaced by
 * "?". Returns code. */
__attribute__((format(printf, 3, 4))) int jwe_error(struct cek_jwe_error *error, int code, const char *format, ...);

/* The same, with details only if the code leaves room for them: FAILED, NOMEM and OK say it all. */
int jwe_error_code(struct cek_jwe_error *error, int code);

/* From a status of libcek; message is cekd's sentence, or NULL. */
int jwe_error_status(struct cek_jwe_error *error, int status, const char *message);

/* The same of a result (NULL is allowed if status says why), with its reason. */
int jwe_error_result(struct cek_jwe_error *error, int status, const cek_result *result);
