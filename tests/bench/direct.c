/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same unwrap by calling PKCS#11 in the client's own process, as a gateway without cekd would do it: THREADS
 * threads, one session each, key as a token object. With MODULE instead of the token's own: p11-kit's remoting. Usage:
 * bench-direct CASE THREADS SECONDS [MODULE]
 */
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case.h"
#include "crypto.h"
#include "measure.h"

enum { THREADS_MAX = 16, OUT_MAX = 1024 };

static struct bench_case bench;
static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;
static uint64_t deadline;
static struct measure results[THREADS_MAX];

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;

static void check(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		case_die(what);
}

static void find_slot(void)
{
	CK_SLOT_ID slots[32];
	CK_ULONG n = 32;

	check(p11->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;

		if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK && memcmp(info.label, "cekd ", 5) == 0) {
			slot = slots[i];
			return;
		}
	}
	case_die("no token");
}

static CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session)
{
	CK_OBJECT_CLASS class = bench.crv[0] || strncmp(bench.alg, "RSA", 3) == 0 ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_ID, bench.cka_id.data, bench.cka_id.len},
		{CKA_TOKEN, &yes, sizeof(yes)},
	};
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_ULONG n = 0;

	check(p11->C_FindObjectsInit(session, template, 3), "C_FindObjectsInit");
	check(p11->C_FindObjects(session, &key, 1, &n), "C_FindObjects");
	check(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
	if (n != 1)
		case_die("no such key");
	return key;
}

/* The value of a session object, which is destroyed. */
static size_t take_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, unsigned char *out)
{
	CK_ATTRIBUTE value = {CKA_VALUE, out, OUT_MAX};

	check(p11->C_GetAttributeValue(session, object, &value, 1), "C_GetAttributeValue");
	check(p11->C_DestroyObject(session, object), "C_DestroyObject");
	return value.ulValueLen;
}

static size_t rsa(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *out)
{
	CK_RSA_PKCS_OAEP_PARAMS params = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
	bool sha1 = strcmp(bench.alg, "RSA-OAEP") == 0;
	CK_MECHANISM mechanism = {sha1 ? CKM_RSA_PKCS_OAEP : CKM_RSA_X_509, sha1 ? &params : NULL,
		sha1 ? sizeof(params) : 0};
	unsigned char block[OUT_MAX];
	CK_ULONG len = OUT_MAX;

	check(p11->C_DecryptInit(session, &mechanism, key), "C_DecryptInit");
	check(p11->C_Decrypt(session, bench.encrypted_key.data, bench.encrypted_key.len, sha1 ? out : block, &len),
		"C_Decrypt");
	return sha1 ? len : crypto_oaep_decode(block, len, out, OUT_MAX);
}

static size_t aes_kw(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *out)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP, NULL, 0};
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &secret_class, sizeof(secret_class)},
		{CKA_KEY_TYPE, &generic, sizeof(generic)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_PRIVATE, &no, sizeof(no)},
		{CKA_SENSITIVE, &no, sizeof(no)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)},
	};
	CK_OBJECT_HANDLE object;

	check(p11->C_UnwrapKey(session, &mechanism, key, bench.encrypted_key.data, bench.encrypted_key.len, template, 6,
		      &object),
		"C_UnwrapKey");
	return take_value(session, object, out);
}

static size_t aes_gcm(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *out)
{
	CK_GCM_PARAMS params = {bench.iv.data, bench.iv.len, 8 * bench.iv.len, NULL, 0, 128};
	CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
	unsigned char in[CASE_BYTES + 16];
	CK_ULONG len = OUT_MAX;

	memcpy(in, bench.encrypted_key.data, bench.encrypted_key.len);
	memcpy(in + bench.encrypted_key.len, bench.tag.data, bench.tag.len);
	check(p11->C_DecryptInit(session, &mechanism, key), "C_DecryptInit");
	check(p11->C_Decrypt(session, in, bench.encrypted_key.len + bench.tag.len, out, &len), "C_Decrypt");
	return len;
}

static size_t ecdh(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *out)
{
	unsigned char point[1 + 2 * CASE_BYTES], secret[OUT_MAX], wrapping[32];
	size_t len, prefix = strcmp(bench.crv, "X25519") == 0 ? 0 : 1;
	CK_ULONG point_len = prefix + bench.epk_x.len + bench.epk_y.len;
	CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, point_len, point}; /* p11-kit renames the members */
	CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof(params)};
	CK_ULONG secret_len = bench.epk_x.len;
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &secret_class, sizeof(secret_class)},
		{CKA_KEY_TYPE, &generic, sizeof(generic)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_PRIVATE, &no, sizeof(no)},
		{CKA_SENSITIVE, &no, sizeof(no)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)},
		{CKA_VALUE_LEN, &secret_len, sizeof(secret_len)},
	};
	CK_OBJECT_HANDLE object;

	point[0] = 4; /* overwritten when there is no prefix */
	memcpy(point + prefix, bench.epk_x.data, bench.epk_x.len);
	memcpy(point + prefix + bench.epk_x.len, bench.epk_y.data, bench.epk_y.len);
	check(p11->C_DeriveKey(session, &mechanism, key, template, 7, &object), "C_DeriveKey");
	len = take_value(session, object, secret);
	return crypto_concat_kdf(secret, len, wrapping) ? crypto_unwrap(wrapping, &bench.encrypted_key, out) : 0;
}

static size_t unwrap(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned char *out)
{
	if (bench.crv[0])
		return ecdh(session, key, out);
	if (strncmp(bench.alg, "RSA", 3) == 0)
		return rsa(session, key, out);
	return strstr(bench.alg, "GCM") ? aes_gcm(session, key, out) : aes_kw(session, key, out);
}

static void *work(void *userdata)
{
	struct measure *result = userdata;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	uint64_t before = measure_now(), now;

	check(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
	key = find_key(session);
	before = measure_now();
	do {
		unsigned char out[OUT_MAX];
		size_t len = unwrap(session, key, out);

		if (len != bench.cek.len || memcmp(out, bench.cek.data, len) != 0)
			case_die("a wrong CEK");
		now = measure_now();
		measure_add(result, now - before);
		before = now;
	} while (now < deadline);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	static struct measure sum;
	CK_SESSION_HANDLE session;
	char pin[256];
	int n;

	if (argc < 4 || argc > 5 || (n = atoi(argv[2])) < 1 || n > THREADS_MAX)
		return 2;
	case_read(argv[1], &bench);
	p11 = p11_kit_module_load(argc == 5 ? argv[4] : bench.module, 0);
	if (!p11)
		case_die(p11_kit_message());
	check(p11_kit_module_initialize(p11), "C_Initialize");
	find_slot();
	case_read_line(bench.pin_file, pin, sizeof(pin));
	check(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
	check(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)), "C_Login");
	sum.started = measure_now();
	deadline = sum.started + (uint64_t)(atof(argv[3]) * 1e9);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, &results[i]) != 0)
			case_die("pthread_create");
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		measure_merge(&sum, &results[i]);
	}
	sum.ended = measure_now();
	measure_print(&sum);
	fflush(stdout);
	_exit(0);
}
