/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway that unwraps the same encrypted key many times through libcek, then waits so that a test can search its
 * memory. Usage: gateway KID ALG ENC COUNT, the encrypted key in hex on standard input; prints "done" and ends when
 * standard input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cek.h"

static size_t read_hex(unsigned char *out, size_t size)
{
	size_t n = 0;
	unsigned byte;

	while (n < size && scanf("%2x", &byte) == 1)
		out[n++] = (unsigned char)byte;
	return n;
}

int main(int argc, char **argv)
{
	static unsigned char encrypted_key[1024];
	struct cek_unwrap args = {0};
	cek_conn *conn;
	size_t len;

	if (argc != 5 || cek_conn_new(NULL, &conn) != 0)
		return 2;
	len = read_hex(encrypted_key, sizeof(encrypted_key));
	args.kid = argv[1];
	args.alg = argv[2];
	args.enc = argv[3];
	args.encrypted_key = (struct cek_bytes){encrypted_key, len};
	for (int i = atoi(argv[4]); i > 0; i--) {
		cek_result *result = NULL;
		int status = cek_unwrap(conn, &args, 60000, &result);

		if (status != CEK_OK) {
			fprintf(stderr, "%s\n", cek_status_text(status));
			return 1;
		}
		cek_result_free(result);
	}
	puts("done");
	fflush(stdout);
	while (getchar() != EOF)
		;
	cek_conn_free(conn);
	return 0;
}
