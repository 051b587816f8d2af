/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simplest use of libcek: make a wrapped CEK, have it unwrapped. Usage: unwrap_blocking KEY
 */
#include <stdio.h>
#include <string.h>

#include <cek.h>

static int complain(const char *what, int status, const cek_result *result)
{
	fprintf(stderr, "%s: %s: %s\n", what, cek_status_name(status), cek_result_message(result));
	return 1;
}

int main(int argc, char **argv)
{
	cek_result *wrapped = NULL, *opened = NULL;
	cek_conn *conn;
	int status;

	if (argc != 2 || cek_conn_new(NULL, &conn) != CEK_OK)
		return 2;
	/* No cek in the arguments: cekd makes a fresh one. */
	status = cek_wrap(conn, &(struct cek_wrap){.key = argv[1], .enc = "A256GCM"}, 5000, &wrapped);
	if (status != CEK_OK)
		return complain("wrap", status, wrapped);
	status = cek_unwrap(conn,
		&(struct cek_unwrap){
			.kid = cek_result_kid(wrapped),
			.alg = cek_result_alg(wrapped),
			.enc = "A256GCM",
			.encrypted_key = cek_result_encrypted_key(wrapped),
			.params = cek_result_params(wrapped),
		},
		5000, &opened);
	if (status != CEK_OK)
		return complain("unwrap", status, opened);
	if (memcmp(cek_result_cek(opened).data, cek_result_cek(wrapped).data, cek_result_cek(opened).len) != 0)
		return 1;
	printf("unwrapped a CEK of %zu bytes with %s\n", cek_result_cek(opened).len, cek_result_kid(opened));
	cek_result_free(wrapped);
	cek_result_free(opened);
	cek_conn_free(conn);
	return 0;
}
