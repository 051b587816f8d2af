/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import, adopt, destroy and inventory through the real manage worker.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "daemon/token/p11/public.h"
#include "proto/alg.h"
#include "rig.h"
#include "shim.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

static struct rig rig;
static struct rig_worker manage;
static struct shim *shim;

static int set_up(void **state)
{
	char path[96];
	int fd;

	(void)state;
	rig_open(&rig, rig_kind());
	snprintf(path, sizeof(path), "%s/shim", rig.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*shim)), 0);
	shim = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(shim, MAP_FAILED);
	close(fd);
	rig_use_shim(&rig, getenv("CEKD_SHIM_SO"), path);
	rig_start(&rig, &manage, &(struct rig_options){.manage = true}, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(rig_stop(&manage), 0);
	munmap(shim, sizeof(*shim));
	rig_close(&rig);
	return 0;
}

static void misbehave(const char *function, CK_RV rv, int skip, int times)
{
	shim->times = 0;
	strcpy(shim->function, function);
	shim->rv = rv;
	shim->skip = skip;
	shim->times = times;
}

/* A result that is a failure holds nothing that could be taken for a key. */
static Cek__Internal__V1__FromWorker *call(Cek__Internal__V1__Job *job)
{
	Cek__Internal__V1__FromWorker *answer = rig_call(&manage, job);
	const Cek__Internal__V1__JobResult *result = answer->result;

	if (result->outcome == OUTCOME(OK))
		return answer;
	assert_string_not_equal(result->text, "");
	assert_string_equal(result->kid, "");
	assert_string_equal(result->crv, "");
	assert_string_equal(result->note, "");
	assert_null(result->public_key);
	assert_int_equal(result->bits, 0);
	assert_int_equal(result->cka_id.len, 0);
	return answer;
}

static void fresh_id(uint8_t id[16])
{
	assert_int_equal(RAND_bytes(id, 16), 1);
}

/* ---- import
 * ---------------------------------------------------------------------------------------------------------- */

static Cek__Internal__V1__FromWorker *transport(void)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__TransportJob op = CEK__INTERNAL__V1__TRANSPORT_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	job.op_case = CEK__INTERNAL__V1__JOB__OP_TRANSPORT;
	job.transport = &op;
	answer = rig_call(&manage, &job);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_int_equal(answer->result->bits, 3072);
	return answer;
}

struct package {
	uint8_t aes[512], key[4096];
	size_t aes_len, key_len;
};

/* What an operator's tool does with a private key. */
static void pack(const Cek__V1__PublicKey *transport_key, const uint8_t *plain, size_t len, struct package *ret_package)
{
	struct public_half half;
	EVP_PKEY *public;
	EVP_PKEY_CTX *ctx;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t kek[32];
	int n = 0;

	assert_true(public_from_jose(transport_key, &half));
	public = public_for_openssl(&half);
	ctx = EVP_PKEY_CTX_new(public, NULL);
	assert_int_equal(RAND_bytes(kek, sizeof(kek)), 1);
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	ret_package->aes_len = sizeof(ret_package->aes);
	assert_int_equal(EVP_PKEY_encrypt(ctx, ret_package->aes, &ret_package->aes_len, kek, sizeof(kek)), 1);
	EVP_CIPHER_CTX_set_flags(cipher, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_256_wrap_pad(), NULL, kek, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, ret_package->key, &n, plain, (int)len), 1);
	ret_package->key_len = (size_t)n;
	EVP_CIPHER_CTX_free(cipher);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
}

static Cek__Internal__V1__FromWorker *import(const char *alg, const uint8_t id[16], const char *transport_id,
	struct package *package, Cek__V1__PublicKey *public)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__ImportJob op = CEK__INTERNAL__V1__IMPORT_JOB__INIT;

	op.label = (char *)(uintptr_t) "imported";
	op.cka_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)id};
	op.alg = (char *)(uintptr_t)alg;
	op.transport_id = (char *)(uintptr_t)transport_id;
	op.wrapped_aes_key = (ProtobufCBinaryData){package->aes_len, package->aes};
	op.wrapped_key = (ProtobufCBinaryData){package->key_len, package->key};
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_IMPORT;
	job.import = &op;
	return call(&job);
}

static void half_of(EVP_PKEY *key, struct public_half *ret_half)
{
	BIGNUM *n = NULL, *e = NULL;
	char group[32];

	memset(ret_half, 0, sizeof(*ret_half));
	if (EVP_PKEY_is_a(key, "RSA")) {
		assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
		assert_int_equal(EVP_PKEY_get_bn_param(key, "e", &e), 1);
		ret_half->n_len = (size_t)BN_bn2bin(n, ret_half->n);
		ret_half->e_len = (size_t)BN_bn2bin(e, ret_half->e);
		BN_free(n);
		BN_free(e);
		return;
	}
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", ret_half->point, POINT_MAX, &ret_half->point_len),
		1);
	ret_half->curve = curve_find("X25519");
	if (EVP_PKEY_is_a(key, "EC")) {
		assert_int_equal(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL), 1);
		ret_half->curve = curve_find(strcmp(group, "prime256v1") == 0 ? "P-256"
				: strcmp(group, "secp384r1") == 0             ? "P-384"
									      : "P-521");
	}
}

static size_t pkcs8(EVP_PKEY *key, uint8_t **ret_der)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	int len;

	*ret_der = NULL;
	len = i2d_PKCS8_PRIV_KEY_INFO(info, ret_der);
	assert_true(len > 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return (size_t)len;
}

static void check_import(const char *alg, EVP_PKEY *key)
{
	Cek__Internal__V1__FromWorker *door = transport(), *answer;
	Cek__V1__PublicKey public;
	struct public_half half;
	struct package package;
	char kid[KID_LEN];
	uint8_t id[16], *der;
	size_t len = pkcs8(key, &der);

	fresh_id(id);
	half_of(key, &half);
	public_to_jose(&half, &public);
	public_thumbprint(&half, kid);
	pack(door->result->public_key, der, len, &package);
	OPENSSL_free(der);
	answer = import(alg, id, door->result->transport_id, &package, &public);
	if (answer->result->outcome != OUTCOME(OK))
		fail_msg("%s: %d %s", alg, answer->result->outcome, answer->result->text);
	assert_string_equal(answer->result->kid, kid);
	if (*answer->result->note)
		printf("%s %s: %s\n", alg, answer->result->crv, answer->result->note);
	rig_free(answer);

	/* The same CKA_ID twice, and a bit flipped on the way. */
	answer = import(alg, id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	fresh_id(id);
	package.key[9] ^= 1;
	answer = import(alg, id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	package.key[9] ^= 1;
	package.aes[100] ^= 1;
	answer = import(alg, id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	rig_free(door);
	EVP_PKEY_free(key);
}

static void imports_pairs(void **state)
{
	(void)state;
	check_import("RSA-OAEP-256", EVP_RSA_gen(2048));
	check_import("RSA-OAEP", EVP_RSA_gen(2048));
	check_import("ECDH-ES+A256KW", EVP_EC_gen("P-256"));
	check_import("ECDH-ES", EVP_EC_gen("P-384"));
	check_import("ECDH-ES+A128KW", EVP_EC_gen("P-521"));
	check_import("ECDH-ES+A256KW", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
}

static CK_OBJECT_HANDLE create_odd_ec(const uint8_t *id, uint8_t *params, size_t params_len, size_t len);
static size_t count(const uint8_t *id, bool *ret_whole);
static void destroy(const char *alg, uint8_t *id, Cek__V1__PublicKey *public, int outcome);

static void imports_aes(void **state)
{
	static const struct {
		const char *alg;
		size_t len;
		bool good;
	} cases[] = {
		{"A128KW", 16, true},
		{"A256KW", 32, true},
		{"A192GCMKW", 24, true},
		{"A256KW", 16, false},
		{"A128GCMKW", 32, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Cek__Internal__V1__FromWorker *door = transport(), *answer;
		struct package package;
		uint8_t id[16], key[32];
		bool whole;

		fresh_id(id);
		assert_int_equal(RAND_bytes(key, sizeof(key)), 1);
		pack(door->result->public_key, key, cases[i].len, &package);
		answer = import(cases[i].alg, id, door->result->transport_id, &package, NULL);
		if (answer->result->outcome != (cases[i].good ? OUTCOME(OK) : OUTCOME(REFUSED)))
			fail_msg("%s %zu: %d %s", cases[i].alg, cases[i].len, answer->result->outcome,
				answer->result->text);
		if (cases[i].good)
			assert_int_equal(strlen(answer->result->kid), 22);
		assert_int_equal(count(id, &whole), cases[i].good);
		assert_true(whole);
		rig_free(answer);
		rig_free(door);
	}
}

static void refuses_what_does_not_belong_together(void **state)
{
	Cek__Internal__V1__FromWorker *door = transport(), *answer;
	EVP_PKEY *one = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024);
	Cek__V1__PublicKey public;
	struct public_half half;
	struct package package;
	uint8_t id[16], *der;
	size_t len = pkcs8(one, &der);

	(void)state;
	fresh_id(id);
	half_of(other, &half);
	public_to_jose(&half, &public);
	pack(door->result->public_key, der, len, &package);
	answer = import("ECDH-ES", id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	answer = import("RSA-OAEP", id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	answer = import("ECDH-ES", id, "no such transport key", &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	OPENSSL_free(der);

	len = pkcs8(small, &der);
	half_of(small, &half);
	public_to_jose(&half, &public);
	pack(door->result->public_key, der, len, &package);
	answer = import("RSA-OAEP", id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	OPENSSL_free(der);
	rig_free(door);
	EVP_PKEY_free(one);
	EVP_PKEY_free(other);
	EVP_PKEY_free(small);
}

static EVP_PKEY *rsa_of_three_primes(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 3) == 1 && EVP_PKEY_keygen(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* A token that takes it has a key of which n is not p q: it computes wrong CEKs, or finds out each time. */
static void refuses_more_than_two_primes(void **state)
{
	Cek__Internal__V1__FromWorker *door = transport(), *answer;
	EVP_PKEY *key = rsa_of_three_primes();
	Cek__V1__PublicKey public;
	struct public_half half;
	struct package package;
	uint8_t id[16], *der;
	size_t len = pkcs8(key, &der);
	bool whole;

	(void)state;
	fresh_id(id);
	half_of(key, &half);
	public_to_jose(&half, &public);
	pack(door->result->public_key, der, len, &package);
	answer = import("RSA-OAEP", id, door->result->transport_id, &package, &public);
	if (answer->result->outcome != OUTCOME(REFUSED))
		fail_msg("%d %s, %zu bytes", answer->result->outcome, answer->result->text, len);
	assert_int_equal(count(id, &whole), 0);
	rig_free(answer);
	OPENSSL_free(der);
	rig_free(door);
	EVP_PKEY_free(key);
}

/* ---- adopt
 * ----------------------------------------------------------------------------------------------------------- */

static Cek__Internal__V1__FromWorker *adopt(const char *alg, uint8_t *id, const char *label, bool insist)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__AdoptJob op = CEK__INTERNAL__V1__ADOPT_JOB__INIT;

	op.alg = (char *)(uintptr_t)alg;
	if (id)
		op.cka_id = (ProtobufCBinaryData){16, id};
	if (label)
		op.label = (char *)(uintptr_t)label;
	op.insist = insist;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_ADOPT;
	job.adopt = &op;
	return call(&job);
}

static void create_aes(uint8_t *id, const char *label, bool extractable, bool too_broad)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, open = extractable, broad = too_broad;
	uint8_t value[32];
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &yes, 1},
		{CKA_PRIVATE, &yes, 1},
		{CKA_SENSITIVE, &yes, 1},
		{CKA_EXTRACTABLE, &open, 1},
		{CKA_ENCRYPT, &yes, 1},
		{CKA_DECRYPT, &yes, 1},
		{CKA_WRAP, &no, 1},
		{CKA_UNWRAP, &no, 1},
		{CKA_SIGN, &broad, 1},
		{CKA_VERIFY, &broad, 1},
		{CKA_DERIVE, &no, 1},
		{CKA_ID, id, 16},
		{CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
		{CKA_VALUE, value, sizeof(value)},
	};

	fresh_id(id);
	assert_int_equal(RAND_bytes(value, sizeof(value)), 1);
	rig_create(&rig, template, sizeof(template) / sizeof(template[0]));
}

static void expect_adopt(const char *alg, uint8_t *id, const char *label, bool insist, int outcome, const char *note)
{
	Cek__Internal__V1__FromWorker *answer = adopt(alg, id, label, insist);

	if ((int)answer->result->outcome != outcome)
		fail_msg("%s %s: %d %s", alg, label ? label : "by id", answer->result->outcome, answer->result->text);
	if (note)
		assert_string_equal(answer->result->note, note);
	if (outcome == OUTCOME(OK)) {
		assert_int_equal(answer->result->cka_id.len, 16);
		assert_int_equal(answer->result->bits, 256);
	}
	rig_free(answer);
}

static void adopts(void **state)
{
	uint8_t good[16], leaky[16], broad[16], twin[16], none[16] = {1};

	(void)state;
	create_aes(good, "good", false, false);
	create_aes(leaky, "leaky", true, false);
	create_aes(broad, "broad", false, true);
	create_aes(twin, "twin", false, false);
	create_aes(twin, "twin", false, false);
	expect_adopt("A256GCMKW", good, NULL, false, OUTCOME(OK), "");
	expect_adopt("A256GCMKW", NULL, "good", false, OUTCOME(OK), "");
	expect_adopt("A128GCMKW", good, NULL, true, OUTCOME(REFUSED), NULL);
	expect_adopt("RSA-OAEP", good, NULL, true, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", leaky, NULL, false, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", leaky, NULL, true, OUTCOME(OK), "extractable");
	expect_adopt("A256GCMKW", NULL, "broad", false, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", NULL, "broad", true, OUTCOME(OK), "may sign, may verify");
	expect_adopt("A256GCMKW", NULL, "twin", true, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", none, NULL, true, OUTCOME(MISSING), NULL);
	expect_adopt("A256GCMKW", NULL, NULL, true, OUTCOME(REFUSED), NULL);
}

static void create_ec(const uint8_t *id, EVP_PKEY *pair, EVP_PKEY *told)
{
	struct public_half half;
	BIGNUM *number = NULL;
	uint8_t d[32];

	assert_int_equal(EVP_PKEY_get_bn_param(pair, "priv", &number), 1);
	assert_int_equal(BN_bn2binpad(number, d, sizeof(d)), sizeof(d));
	BN_clear_free(number);
	half_of(told, &half);
	rig_create_ec(&rig, id, "P-256", d, sizeof(d), half.point + 1, half.point + 33, 32);
}

/* An EC private key does not tell its public half: without a public key object it has no name. */
static void adopts_an_ec_key_with_its_public_half(void **state)
{
	EVP_PKEY *pair, *other;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];

	(void)state;
	if (rig.nss)
		skip(); /* it tells */
	pair = EVP_EC_gen("P-256");
	other = EVP_EC_gen("P-256");
	fresh_id(id);
	create_ec(id, pair, pair);
	answer = adopt("ECDH-ES", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->crv, "P-256");
	assert_non_null(answer->result->public_key);
	rig_free(answer);
	assert_int_equal(rig.f->C_DestroyObject(rig.session, rig_last_public()), CKR_OK);
	answer = adopt("ECDH-ES", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	assert_non_null(strstr(answer->result->text, "public key object"));
	rig_free(answer);
	fresh_id(id);
	create_ec(id, pair, other); /* one that does not belong to it */
	answer = adopt("ECDH-ES", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	EVP_PKEY_free(pair);
	EVP_PKEY_free(other);
}

/* An RSA key of another program with the same CKA_ID, for signing. */
static CK_OBJECT_HANDLE create_rsa_twin(const uint8_t *id, const char *label, EVP_PKEY *pair, bool decrypts)
{
	static const char *names[8] = {"n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2",
		"rsa-coefficient1"};
	static const CK_ATTRIBUTE_TYPE types[8] = {CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
		CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT};
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, decrypt = decrypts, sign = !decrypts;
	uint8_t part[8][256];
	CK_ATTRIBUTE template[18] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &yes, 1},
		{CKA_PRIVATE, &yes, 1},
		{CKA_SENSITIVE, &yes, 1},
		{CKA_EXTRACTABLE, &no, 1},
		{CKA_DECRYPT, &decrypt, 1},
		{CKA_SIGN, &sign, 1},
		{CKA_ID, (void *)(uintptr_t)id, 16},
		{CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
	};

	for (size_t i = 0; i < 8; i++) {
		BIGNUM *number = NULL;

		assert_int_equal(EVP_PKEY_get_bn_param(pair, names[i], &number), 1);
		template[10 + i] = (CK_ATTRIBUTE){types[i], part[i], (CK_ULONG)BN_bn2bin(number, part[i])};
		BN_clear_free(number);
	}
	return rig_create(&rig, template, 18);
}

static int wrap(const char *alg, uint8_t *id, Cek__V1__PublicKey *public)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;
	int outcome;

	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t)alg;
	op.enc = (char *)(uintptr_t) "A256GCM";
	op.cek_len = 32;
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	answer = call(&job);
	outcome = (int)answer->result->outcome;
	rig_free(answer);
	return outcome;
}

/* Several keys of one CKA_ID: the one that may decrypt is adopted, and only that one is destroyed. */
static void tells_twins_apart(void **state)
{
	EVP_PKEY *ours, *theirs, *ec, *ec_theirs;
	Cek__Internal__V1__FromWorker *answer;
	Cek__V1__PublicKey public;
	struct public_half half;
	uint8_t id[16];
	char kid[KID_LEN];
	bool whole;

	(void)state;
	if (rig.nss)
		skip(); /* overwrites an object that has the same CKA_ID */
	ours = EVP_RSA_gen(2048);
	theirs = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	ec_theirs = EVP_EC_gen("P-256");
	fresh_id(id);
	create_rsa_twin(id, "theirs", theirs, false);
	create_rsa_twin(id, "ours", ours, true);
	rig_create_aes(&rig, id, id, 16);
	create_ec(id, ec_theirs, ec_theirs);
	half_of(ours, &half);
	public_thumbprint(&half, kid);
	answer = adopt("RSA-OAEP", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->kid, kid);
	/* Of two EC keys that may derive, with two public halves, none. */
	create_ec(id, ec, ec);
	expect_adopt("ECDH-ES", id, NULL, true, OUTCOME(REFUSED), NULL);
	assert_int_equal(count(id, &whole), 7);
	half_of(ec, &half);
	public_to_jose(&half, &public);
	assert_int_equal(wrap("RSA-OAEP", id, answer->result->public_key), OUTCOME(OK));
	assert_int_equal(wrap("ECDH-ES", id, &public), OUTCOME(OK));
	destroy("RSA-OAEP", id, answer->result->public_key, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 6);
	destroy("ECDH-ES", id, &public, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 4);
	destroy("ECDH-ES", id, &public, OUTCOME(OK)); /* the one that is left is another */
	destroy("RSA-OAEP", id, answer->result->public_key, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 4);
	assert_int_equal(wrap("RSA-OAEP", id, answer->result->public_key), OUTCOME(MISSING));
	assert_int_equal(wrap("ECDH-ES", id, &public), OUTCOME(MISSING));
	rig_free(answer);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ec_theirs);
}

/* Of keys with one CKA_ID the one whose size or curve fits is adopted. */
static void adopts_the_one_that_fits(void **state)
{
	static const char *others[] = {"secp256k1", "brainpoolP256r1", "prime192v1"};
	static const uint8_t aes[32] = {8};
	EVP_PKEY *ec;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16], params[16];

	(void)state;
	if (rig.nss)
		skip();
	ec = EVP_EC_gen("P-256");
	fresh_id(id);
	for (size_t i = 0; i < 3; i++) {
		ASN1_OBJECT *curve = OBJ_txt2obj(others[i], 0);
		uint8_t *at = params;
		int len = i2d_ASN1_OBJECT(curve, &at);

		assert_in_range(len, 1, sizeof(params));
		create_odd_ec(id, params, (size_t)len, 32);
		ASN1_OBJECT_free(curve);
	}
	create_ec(id, ec, ec);
	for (size_t len = 16; len <= 32; len += 8)
		rig_create_aes(&rig, id, aes, len);
	answer = adopt("ECDH-ES", id, NULL, true);
	if (answer->result->outcome != OUTCOME(OK))
		fail_msg("%s", answer->result->text);
	assert_string_equal(answer->result->crv, "P-256");
	rig_free(answer);
	answer = adopt("A192KW", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_int_equal(answer->result->bits, 192);
	rig_free(answer);
	EVP_PKEY_free(ec);
}

/* Nothing tells two AES keys apart: none is adopted, and none destroyed. */
static void leaves_alone_what_it_cannot_tell_apart(void **state)
{
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];
	bool whole;

	(void)state;
	if (rig.nss)
		skip();
	fresh_id(id);
	for (uint8_t i = 0; i < 20; i++) {
		const uint8_t key[32] = {i + 1};

		rig_create_aes(&rig, id, key, sizeof(key));
	}
	answer = adopt("A256KW", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	assert_non_null(strstr(answer->result->text, "20 keys"));
	rig_free(answer);
	destroy("A256KW", id, NULL, OUTCOME(REFUSED));
	assert_int_equal(count(id, &whole), 20);
}

/* ---- destroy, inventory, what is generated
 * ---------------------------------------------------------------------------- */

static size_t count(const uint8_t *id, bool *ret_whole)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__InventoryJob op = CEK__INTERNAL__V1__INVENTORY_JOB__INIT;
	size_t n = 0;
	bool more = true;

	job.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	job.inventory = &op;
	rig_send(&manage, &job);
	*ret_whole = true;
	while (more) {
		Cek__Internal__V1__FromWorker *answer = rig_receive(&manage);

		assert_non_null(answer);
		assert_int_equal(answer->result->id, job.id);
		assert_int_equal(answer->result->outcome, OUTCOME(OK));
		for (size_t i = 0; i < answer->result->n_object; i++) {
			const Cek__Internal__V1__TokenObject *object = answer->result->object[i];

			if (id && (object->cka_id.len != 16 || memcmp(object->cka_id.data, id, 16) != 0))
				continue;
			n++;
			*ret_whole = *ret_whole && object->whole && object->sensitive && !object->extractable &&
				!object->signs;
		}
		more = answer->result->more;
		rig_free(answer);
	}
	return n;
}

static Cek__Internal__V1__FromWorker *generate(const char *alg, uint8_t *id, uint32_t bits, const char *crv)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;

	op.label = (char *)(uintptr_t) "made";
	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t)alg;
	op.bits = bits;
	op.crv = (char *)(uintptr_t)crv;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &op;
	return call(&job);
}

static void destroy(const char *alg, uint8_t *id, Cek__V1__PublicKey *public, int outcome)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__DestroyJob op = CEK__INTERNAL__V1__DESTROY_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t)alg;
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_DESTROY;
	job.destroy = &op;
	answer = call(&job);
	if ((int)answer->result->outcome != outcome)
		fail_msg("%s: %d %s", alg, answer->result->outcome, answer->result->text);
	rig_free(answer);
}

/* One call that fails while the manage worker looks at objects or tries them is no reason to refuse a key. */
static void one_failed_call_changes_no_answer(void **state)
{
	static const char *functions[] = {"C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
		"C_GetAttributeValue", "C_DecryptInit", "C_EncryptInit", "C_DeriveKey"};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR};
	EVP_PKEY *pair;
	Cek__Internal__V1__FromWorker *good[2];
	uint8_t ec[16], aes[16];
	int failed = 0;

	(void)state;
	pair = EVP_EC_gen("P-256");
	fresh_id(ec);
	create_ec(ec, pair, pair);
	create_aes(aes, "seldom", false, false);
	good[0] = adopt("ECDH-ES", ec, NULL, true);
	good[1] = adopt("A256GCMKW", aes, NULL, true);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		for (int call_number = 0; call_number < 60; call_number++) {
			const char *alg = call_number % 2 ? "A256GCMKW" : "ECDH-ES";
			Cek__Internal__V1__FromWorker *answer;

			misbehave(functions[i], codes[call_number / 2 % 2], call_number / 2, 1);
			answer = adopt(alg, call_number % 2 ? aes : ec, NULL, true);
			if (answer->result->outcome != OUTCOME(OK) ||
				strcmp(answer->result->note, good[call_number % 2]->result->note) != 0)
				fail_msg("%s %d %s: %d %s %s", functions[i], call_number, alg, answer->result->outcome,
					answer->result->text, answer->result->note);
			failed += shim->times == 0;
			shim->times = 0;
			rig_free(answer);
		}
	assert_true(failed > 40);
	rig_free(good[0]);
	rig_free(good[1]);
	EVP_PKEY_free(pair);
}

/* A private key on a curve that no program knows, or one that holds no value. */
static CK_OBJECT_HANDLE create_odd_ec(const uint8_t *id, uint8_t *params, size_t params_len, size_t len)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	uint8_t value[32] = {1};
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &yes, 1},
		{CKA_PRIVATE, &yes, 1},
		{CKA_SENSITIVE, &yes, 1},
		{CKA_EXTRACTABLE, &no, 1},
		{CKA_DERIVE, &yes, 1},
		{CKA_ID, (void *)(uintptr_t)id, 16},
		{CKA_EC_PARAMS, params, params_len},
		{CKA_VALUE, value, len},
	};

	return rig_create(&rig, template, sizeof(template) / sizeof(template[0]));
}

/* The version's own object is gone, and another program's is the only one of its class and type with that CKA_ID. */
static void destroys_no_strangers_key_that_is_alone(void **state)
{
	static const uint8_t aes[32] = {1};
	uint8_t id[16], explicit_params[100] = {0x30, 98};
	uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	EVP_PKEY *rsa, *theirs, *ec;
	Cek__V1__PublicKey rsa_public, ec_public;
	struct public_half rsa_half, ec_half;
	uint8_t modulus[1024] = {0xc1};
	const ProtobufCBinaryData silent[8] = {0}, large[8] = {{sizeof(modulus), modulus}};
	bool whole;

	(void)state;
	if (rig.nss)
		skip(); /* refuses such keys */
	rsa = EVP_RSA_gen(2048);
	theirs = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	half_of(rsa, &rsa_half);
	public_to_jose(&rsa_half, &rsa_public);
	half_of(ec, &ec_half);
	public_to_jose(&ec_half, &ec_public);

	/* Of another size. */
	fresh_id(id);
	rig_create_rsa(&rig, id, large);
	destroy("RSA-OAEP-256", id, &rsa_public, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 1);
	fresh_id(id);
	rig_create_aes(&rig, id, aes, 16);
	destroy("A256KW", id, NULL, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 1);
	destroy("A128KW", id, NULL, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 0);
	/* On another curve, described at length. */
	fresh_id(id);
	create_odd_ec(id, explicit_params, sizeof(explicit_params), 32);
	destroy("ECDH-ES", id, &ec_public, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 1);
	/* Of the same kind, at each single call that fails, and if it goes on. */
	fresh_id(id);
	create_rsa_twin(id, "theirs", theirs, true);
	for (int skip_calls = 0; skip_calls < 4; skip_calls++) {
		misbehave("C_GetAttributeValue", CKR_DEVICE_ERROR, skip_calls, 1);
		destroy("RSA-OAEP", id, &rsa_public, OUTCOME(OK));
		shim->times = 0;
		assert_int_equal(count(id, &whole), 1);
	}
	misbehave("C_GetAttributeValue", CKR_DEVICE_ERROR, 0, -1);
	destroy("RSA-OAEP", id, &rsa_public, OUTCOME(INTERNAL));
	misbehave("C_GetAttributeValue", CKR_DEVICE_ERROR, 1, -1);
	destroy("RSA-OAEP", id, &rsa_public, OUTCOME(INTERNAL));
	shim->times = 0;
	assert_int_equal(count(id, &whole), 1);
	/* They do not tell: they could be the version's. */
	fresh_id(id);
	rig_create_rsa(&rig, id, silent);
	destroy("RSA-OAEP", id, &rsa_public, OUTCOME(REFUSED));
	fresh_id(id);
	create_odd_ec(id, NULL, 0, 32);
	destroy("ECDH-ES", id, &ec_public, OUTCOME(REFUSED));
	fresh_id(id);
	create_odd_ec(id, p256, sizeof(p256), 0);
	destroy("ECDH-ES", id, &ec_public, OUTCOME(INTERNAL));
	assert_int_equal(count(id, &whole), 1);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ec);
}

/* Keys of others that do not tell, or at which the token fails, are no reason to keep the version's own, before or
 * behind them. */
static void destroys_its_own_among_broken_keys(void **state)
{
	uint8_t id[16], p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	EVP_PKEY *rsa, *ec;
	Cek__V1__PublicKey public;
	struct public_half half;
	ProtobufCBinaryData part[8] = {0};
	bool whole;

	(void)state;
	if (rig.nss)
		skip();
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	fresh_id(id);
	for (int i = 0; i < 3; i++) {
		rig_create_rsa(&rig, id, part);
		create_odd_ec(id, p256, sizeof(p256), 0);
		if (i == 1) {
			create_ec(id, ec, ec);
			create_rsa_twin(id, "ours", rsa, true);
		}
	}
	assert_int_equal(count(id, &whole), 9);
	half_of(ec, &half);
	public_to_jose(&half, &public);
	destroy("ECDH-ES", id, &public, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 7);
	half_of(rsa, &half);
	public_to_jose(&half, &public);
	destroy("RSA-OAEP", id, &public, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 6);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

static void destroys_both_halves(void **state)
{
	static const char *algs[] = {"RSA-OAEP", "A256KW", "ECDH-ES"};
	bool whole;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const bool secret = i % 3 == 1;
		Cek__Internal__V1__FromWorker *answer;
		Cek__V1__PublicKey *public;
		uint8_t id[16];

		fresh_id(id);
		answer = generate(algs[i % 3], id, 2048, "");
		assert_int_equal(count(id, &whole), secret ? 1 : 2);
		assert_true(whole);
		public = secret || i >= 3 ? NULL : answer->result->public_key;
		destroy(algs[i % 3], id, public, OUTCOME(OK));
		assert_int_equal(count(id, &whole), 0);
		destroy(algs[i % 3], id, public, OUTCOME(OK));
		rig_free(answer);
	}
}

/* What a creation that was cut short leaves: the attributes of the template, and nothing of the key itself. */
static void inventory_tells_what_is_not_whole(void **state)
{
	uint8_t id[16];
	ProtobufCBinaryData part[8] = {0};
	bool whole;

	(void)state;
	if (rig.nss)
		skip(); /* refuses to create such a thing */
	fresh_id(id);
	rig_create_rsa(&rig, id, part);
	assert_int_equal(count(id, &whole), 1);
	assert_false(whole);
	expect_adopt("RSA-OAEP", id, NULL, true, OUTCOME(REFUSED), NULL);
	destroy("RSA-OAEP", id, NULL, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 0);
	fresh_id(id);
	rig_create_aes(&rig, id, id, 0);
	assert_int_equal(count(id, &whole), 1);
	assert_false(whole);
	expect_adopt("A256KW", id, NULL, true, OUTCOME(REFUSED), NULL);
	destroy("A256KW", id, NULL, OUTCOME(OK));
	assert_int_equal(count(id, &whole), 0);
}

static void inventory_has_no_end(void **state)
{
	size_t before;
	bool whole;
	uint8_t id[16];

	(void)state;
	before = count(NULL, &whole);
	for (int i = 0; i < 150; i++)
		create_aes(id, "one of many", false, false);
	assert_int_equal(count(NULL, &whole), before + 150);
}

static void generate_refuses(void **state)
{
	static const struct {
		const char *alg, *crv;
		uint32_t bits;
		int outcome;
	} cases[] = {
		{"RSA-OAEP", "", 1024, OUTCOME(REFUSED)},
		{"RSA-OAEP", "", 2047, OUTCOME(REFUSED)},
		{"RSA-OAEP", "", 8192, OUTCOME(REFUSED)},
		{"ECDH-ES", "P-192", 0, OUTCOME(REFUSED)},
		{"RSA1_5", "", 2048, OUTCOME(UNSUPPORTED)},
		{"dir", "", 0, OUTCOME(UNSUPPORTED)},
		{"PBES2-HS256+A128KW", "", 0, OUTCOME(UNSUPPORTED)},
	};
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];
	bool whole;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh_id(id);
		answer = generate(cases[i].alg, id, cases[i].bits, cases[i].crv);
		assert_int_equal(answer->result->outcome, cases[i].outcome);
		assert_string_not_equal(answer->result->text, "");
		assert_int_equal(count(id, &whole), 0);
		rig_free(answer);
	}
	fresh_id(id);
	answer = generate("A128KW", id, 0, "");
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	rig_free(answer);
	answer = generate("A128KW", id, 0, "");
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	assert_int_equal(count(id, &whole), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imports_pairs),
		cmocka_unit_test(imports_aes),
		cmocka_unit_test(refuses_what_does_not_belong_together),
		cmocka_unit_test(refuses_more_than_two_primes),
		cmocka_unit_test(adopts),
		cmocka_unit_test(adopts_an_ec_key_with_its_public_half),
		cmocka_unit_test(one_failed_call_changes_no_answer),
		cmocka_unit_test(destroys_both_halves),
		cmocka_unit_test(destroys_no_strangers_key_that_is_alone),
		cmocka_unit_test(destroys_its_own_among_broken_keys),
		cmocka_unit_test(tells_twins_apart),
		cmocka_unit_test(adopts_the_one_that_fits),
		cmocka_unit_test(leaves_alone_what_it_cannot_tell_apart),
		cmocka_unit_test(generate_refuses),
		cmocka_unit_test(inventory_tells_what_is_not_whole),
		cmocka_unit_test(inventory_has_no_end),
	};

	rig_arguments(argc, argv);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
