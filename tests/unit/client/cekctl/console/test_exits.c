/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/exits.c: every status that the libraries know has a row, and cekctl(1) has the same table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cek.h"
#include "client/cekctl/console/exits.h"
#include "client/jose/cek-jose.h"

enum { PAGE_MAX = 1 << 17 };

static char page[PAGE_MAX];

static int read_page(void **state)
{
	const char *source = getenv("CEK_SOURCE");
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/man/cekctl.1", source ? source : ".");
	file = fopen(path, "r");
	if (!file)
		return -1;
	n = fread(page, 1, sizeof(page) - 1, file);
	fclose(file);
	return n > 0 ? 0 : -1;
}

static void expect_row(const char *status)
{
	if (strcmp(exit_row(status)->status, status) != 0)
		fail_msg("%s has no row", status);
}

static void test_every_status(void **state)
{
	size_t named = 0;

	for (int status = -64; status < 64; status++) {
		expect_row(cek_status_name(status));
		named += strcmp(cek_status_name(status), "UNKNOWN") != 0;
	}
	assert_true(named >= 22);
	for (int code = CEK_JWE_OK; code <= CEK_JWE_FAILED; code++)
		expect_row(cek_jwe_code_name(code));
	expect_row(cek_jwe_code_name(CEK_JWT_SCOPE + 1)); /* those between are of signed tokens, which no verb reads */
}

/* What may succeed later by itself is what "try again" means. */
static void test_temporary(void **state)
{
	for (int status = -64; status < 64; status++)
		if (status != CEK_E_FULL)
			assert_int_equal(exit_row(cek_status_name(status))->exit == EXIT_TRY_AGAIN,
				cek_status_is_temporary(status));
}

static void test_unknown(void **state)
{
	assert_int_equal(exit_row("NO_SUCH_STATUS")->exit, EXIT_FAILURE);
	assert_int_equal(exit_row("")->exit, EXIT_FAILURE);
}

static void test_manual(void **state)
{
	const char *start = strstr(page, "\n.Sh EXIT STATUS\n"), *end = start ? strstr(start + 1, "\n.Sh ") : NULL;
	size_t rows = 0, shown = 0;

	assert_non_null(end);
	for (const struct exit_row *row = exit_rows; row->status; row++) {
		char needle[64];
		const char *found;

		if (strcmp(row->status, "OK") == 0)
			continue;
		rows++;
		snprintf(needle, sizeof(needle), "\n.It %s Ta %d Ta ", row->status, row->exit);
		found = strstr(start, needle);
		if (!found || found > end)
			fail_msg("cekctl(1) does not say that %s is exit status %d", row->status, row->exit);
	}
	for (const char *at = start; (at = strstr(at, " Ta ")) && at < end; at++)
		shown++;
	assert_int_equal(shown, 2 * rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, read_page, NULL);
}
