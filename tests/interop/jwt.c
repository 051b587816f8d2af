/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cek_jwt_verify() for other libraries' tokens: jwt KEYS-FILE, the tokens on standard input, one a line. A line of
 * answer for each: the name of the code, and the payload if it is OK.
 */
#include <cek-jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
	"EdDSA", "Ed25519", "Ed448", NULL};

static cek_jwt_keys *load(const char *path)
{
	static char text[1 << 20];
	FILE *file = fopen(path, "re");
	struct cek_jwe_error error;
	cek_jwt_keys *keys = NULL;

	if (!file || cek_jwt_keys_parse(text, fread(text, 1, sizeof(text), file), &keys, &error) != CEK_JWE_OK ||
		error.details[0] != '\0') {
		fprintf(stderr, "%s: %s\n", path, file ? error.details : "cannot be read");
		exit(2);
	}
	fclose(file);
	return keys;
}

int main(int argc, char **argv)
{
	const struct cek_jwt_policy policy = {.size = sizeof(policy), .algs = algs};
	cek_jwt_keys *keys = argc == 2 ? load(argv[1]) : NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (!keys)
		return 2;
	while ((len = getline(&line, &size, stdin)) > 0) {
		size_t n = (size_t)len - (line[len - 1] == '\n');
		cek_jwt *jwt = NULL;
		int code = cek_jwt_verify(keys, &policy, line, n, &jwt, NULL);

		printf("%s %s\n", cek_jwe_code_name(code), jwt ? (const char *)cek_jwt_payload(jwt).data : "");
		cek_jwt_free(jwt);
	}
	free(line);
	cek_jwt_keys_free(keys);
	return 0;
}
