/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/parent/config/token_uri.h"

static void accept_uri(const char *text, const char *pin_source, const char *module_path)
{
	struct token_uri uri = {0};
	const char *what = NULL;

	if (token_uri_parse(text, &uri, &what) < 0)
		fail_msg("%s: %s", text, what);
	assert_true((uri.pin_source == NULL) == (pin_source == NULL));
	assert_true((uri.module_path == NULL) == (module_path == NULL));
	if (pin_source != NULL)
		assert_string_equal(uri.pin_source, pin_source);
	if (module_path != NULL)
		assert_string_equal(uri.module_path, module_path);
	token_uri_deinit(&uri);
	assert_null(uri.pin_source);
	token_uri_deinit(&uri);
}

static void refuse(const char *text, const char *expected)
{
	char untouched[] = "x";
	struct token_uri uri = {.pin_source = untouched};
	const char *what = NULL;

	assert_int_equal(token_uri_parse(text, &uri, &what), -EINVAL);
	assert_ptr_equal(uri.pin_source, untouched);
	if (strstr(what, expected) == NULL)
		fail_msg("%s: \"%s\" does not hold \"%s\"", text, what, expected);
}

static void test_accepted(void **state)
{
	(void)state;
	accept_uri("pkcs11:token=cekd", NULL, NULL);
	accept_uri("pkcs11:serial=1a2b", NULL, NULL);
	accept_uri("pkcs11:manufacturer=x;token=My%20token;model=y", NULL, NULL);
	accept_uri("pkcs11:token=a?", NULL, NULL);
	accept_uri("pkcs11:token=a?pin-source=/p", "/p", NULL);
	accept_uri("pkcs11:token=a?pin-source=file:/p", "/p", NULL);
	accept_uri("pkcs11:token=a?pin-source=file:///p", "/p", NULL);
	accept_uri("pkcs11:token=a?module-path=/m%2eso&pin-source=file:/p%26q", "/p&q", "/m.so");
}

static void test_refused(void **state)
{
	(void)state;
	refuse("", "pkcs11:");
	refuse("token=a", "pkcs11:");
	refuse("pkcs11:", "token= or serial=");
	refuse("pkcs11:token=", "token= or serial=");
	refuse("pkcs11:slot-id=1", "token= or serial=");
	refuse("pkcs11:token=a?pin-value=1234", "pin-value");
	refuse("pkcs11:token=a;pin-value=1234", "pin-value");
	refuse("pkcs11:token=a?pin-source=/p&pin-value=1234", "pin-value");
	refuse("pkcs11:token=a?module-name=softhsm", "only pin-source and module-path");
	refuse("pkcs11:token=a?pin-source=p", "absolute path");
	refuse("pkcs11:token=a?pin-source=%7Ccat", "absolute path");
	refuse("pkcs11:token=a?pin-source=file://host/p", "absolute path");
	refuse("pkcs11:token=a?pin-source=", "absolute path");
	refuse("pkcs11:token=a?module-path=m.so", "module-path must be an absolute path");
	refuse("pkcs11:token=a?pin-source=/p&pin-source=/q", "twice");
}

/* A percent sign at the end, half a byte, no hexadecimal digits, a NUL. */
static void test_bad_escapes(void **state)
{
	static const char *const values[] = {"/a%", "/a%4", "/a%4&", "/a%zz", "/a%4z", "/a%00b"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		strcpy(text, "pkcs11:token=a?pin-source=");
		strcat(text, values[i]);
		refuse(text, "absolute path");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
