/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are read again when they change: once a second each worker looks. One that cannot be used any more changes
 * nothing: what was read before stays.
 */
#pragma once

#include "gateways/nginx/data.h"

/* What a kind says, this very text, if the fault is not the file's: it is tried again then. */
extern const char ngx_cekd_no_memory[];

/* The file of this path, relative to nginx.conf's folder, read now unless it was already. alg: with which a JWK in it
 * has to be usable, NULL: the JWK's own. NULL with a message. */
struct ngx_cekd_file *ngx_cekd_file_get(ngx_conf_t *cf, const ngx_str_t *path, const struct ngx_cekd_file_kind *kind,
	const char *alg);

/* Look at all files, if this worker has not begun to: from now on it does so by itself. */
void ngx_cekd_files_watch(struct ngx_cekd_main *main);

/* Free all contents, and look no more. */
void ngx_cekd_files_close(struct ngx_cekd_main *main);
