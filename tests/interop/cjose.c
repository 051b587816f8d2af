/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcjose as the other side. Usage:
 *   cjose decrypt JWK            the compact token on standard input → its plaintext
 *   cjose encrypt JWK ALG ENC    the plaintext on standard input → a compact token
 */
#include <cjose/cjose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(FILE *file, size_t *ret_len)
{
	char *data = malloc(1 << 20);
	size_t len = data ? fread(data, 1, (1 << 20) - 1, file) : 0;

	if (!data)
		exit(2);
	data[len] = '\0';
	*ret_len = len;
	return data;
}

static int fail(const char *what, const cjose_err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->message);
	return 1;
}

static cjose_jwk_t *read_jwk(const char *path, cjose_err *err)
{
	FILE *file = fopen(path, "re");
	size_t len;
	char *text;
	cjose_jwk_t *jwk;

	if (!file)
		return NULL;
	text = read_all(file, &len);
	jwk = cjose_jwk_import(text, len, err);
	free(text);
	fclose(file);
	return jwk;
}

static int decrypt(const cjose_jwk_t *jwk, const char *token, size_t len)
{
	cjose_err err;
	cjose_jwe_t *jwe = cjose_jwe_import(token, len, &err);
	size_t content_len = 0;
	uint8_t *content = jwe ? cjose_jwe_decrypt(jwe, jwk, &content_len, &err) : NULL;

	if (!content)
		return fail("decrypt", &err);
	fwrite(content, 1, content_len, stdout);
	return 0;
}

static int encrypt(const cjose_jwk_t *jwk, const char *alg, const char *enc, const char *text, size_t len)
{
	cjose_err err;
	cjose_header_t *header = cjose_header_new(&err);
	cjose_jwe_t *jwe = NULL;
	char *token = NULL;

	if (header && cjose_header_set(header, CJOSE_HDR_ALG, alg, &err) &&
		cjose_header_set(header, CJOSE_HDR_ENC, enc, &err))
		jwe = cjose_jwe_encrypt(jwk, header, (const uint8_t *)text, len, &err);
	if (jwe)
		token = cjose_jwe_export(jwe, &err);
	if (!token)
		return fail("encrypt", &err);
	puts(token);
	return 0;
}

int main(int argc, char **argv)
{
	cjose_err err;
	cjose_jwk_t *jwk;
	size_t len;
	char *input;

	if (argc < 3)
		return 2;
	jwk = read_jwk(argv[2], &err);
	if (!jwk)
		return fail("JWK", &err);
	input = read_all(stdin, &len);
	while (len && input[len - 1] == '\n')
		input[--len] = '\0';
	if (strcmp(argv[1], "decrypt") == 0)
		return decrypt(jwk, input, len);
	return argc == 5 ? encrypt(jwk, argv[3], argv[4], input, len) : 2;
}
