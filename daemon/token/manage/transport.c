/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/manage/transport.h"

#include <string.h>

#include <openssl/rand.h>

#include "base/clock.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"
#include "proto/base64url.h"

enum { LIFE_US = 600000000 };

static struct {
	char id[TRANSPORT_ID_LEN]; /* empty = none */
	CK_OBJECT_HANDLE public, private;
	struct public_half half;
	uint64_t made_us;
	bool served; /* an import has ended with it */
} transport;

static CK_RV make(struct worker *worker)
{
	CK_FUNCTION_LIST *f = worker->token.session.f;
	CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
	CK_ULONG bits = TRANSPORT_BITS;
	CK_BYTE exponent[] = {1, 0, 1};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE public[] = {
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_MODULUS_BITS, &bits, sizeof(bits)},
		{CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)},
	};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_UNWRAP, &yes, sizeof(yes)},
		{CKA_DECRYPT, &no, sizeof(no)},
		{CKA_SIGN, &no, sizeof(no)},
	};
	struct key key = {.class = CKO_PRIVATE_KEY, .type = CKK_RSA};
	uint8_t random[16];
	CK_RV rv;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return CKR_RANDOM_NO_RNG;
	rv = f->C_GenerateKeyPair(worker->token.session.handle, &mechanism, public, 3, private, 7, &transport.public,
		&transport.private);
	if (rv != CKR_OK)
		return rv;
	key.object = transport.public;
	rv = public_read(&worker->token.session, &key, &transport.half);
	if (rv != CKR_OK) {
		object_destroy(&worker->token.session, transport.private);
		object_destroy(&worker->token.session, transport.public);
		return rv;
	}
	transport.id[b64u_encode(random, sizeof(random), transport.id)] = '\0';
	transport.made_us = clock_monotonic_us();
	transport.served = false;
	worker->keys.never_reopen = true;
	return CKR_OK;
}

static bool is_old(void)
{
	return clock_monotonic_us() - transport.made_us > LIFE_US;
}

static void drop(struct worker *worker)
{
	if (!transport.id[0])
		return;
	object_destroy(&worker->token.session, transport.private);
	object_destroy(&worker->token.session, transport.public);
	transport.id[0] = '\0';
}

bool transport_let_go(struct worker *worker)
{
	if (transport.id[0] && !transport.served && !is_old())
		return false;
	drop(worker);
	worker->keys.never_reopen = false;
	return true;
}

void transport_served(void)
{
	transport.served = true;
}

CK_RV transport_open(struct worker *worker, char ret_id[TRANSPORT_ID_LEN], struct public_half *ret_half)
{
	CK_RV rv;

	if (is_old())
		drop(worker);
	if (!transport.id[0]) {
		rv = make(worker);
		if (rv != CKR_OK)
			return rv;
	}
	strcpy(ret_id, transport.id);
	*ret_half = transport.half;
	return CKR_OK;
}

bool transport_find(const char *id, CK_OBJECT_HANDLE *ret_private)
{
	if (!transport.id[0] || strcmp(transport.id, id) != 0)
		return false;
	*ret_private = transport.private;
	return true;
}

bool transport_is_open(void)
{
	return transport.id[0] != '\0';
}
