/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd itself reads of a PKCS#11 URI (RFC 7512). The worker parses it in full, with p11-kit; cekd needs the query
 * only: where the PIN and the module are, and that the PIN itself does not stand there.
 */
#pragma once

struct token_uri {
	char *pin_source;  /* absolute path, decoded; NULL if none */
	char *module_path; /* the same */
};

/* 0, -ENOMEM, or -EINVAL with what is wrong in *ret_error (static storage; never the PIN). */
int token_uri_parse(const char *text, struct token_uri *ret_uri, const char **ret_error);

void token_uri_deinit(struct token_uri *uri);
