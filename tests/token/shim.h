/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test tells the shim module inside of the worker: one page of a file that both have mapped.
 */
#pragma once

#include <stdatomic.h>

#include <p11-kit/pkcs11.h>

#define SHIM_DASHED "-uFpJ2BvViK-UzZe9qlKZgu8s7lOPnw8RkcQbvZd3Jg"

struct shim {
	atomic_int copies;        /* made by C_CopyObject and not destroyed; first, for tests/e2e/test_missing.py */
	char function[32];        /* the PKCS#11 function that misbehaves; empty = none */
	atomic_ulong rv;          /* what it returns */
	atomic_int times;         /* how often; -1 = always */
	atomic_int skip;          /* after so many calls that go well */
	atomic_int hangs;         /* it never returns instead */
	atomic_ulong token_flags; /* added to CK_TOKEN_INFO.flags */
	atomic_int blind;         /* C_FindObjects finds nothing until the next C_Initialize */
	atomic_int dashed; /* so many of the next pairs are made of one key on P-256 whose thumbprint is SHIM_DASHED */
	atomic_int logins; /* calls of C_Login so far */
	atomic_int initialized;  /* calls of C_Initialize so far */
	atomic_ulong init_flags; /* of the last of them */
	atomic_int reads;        /* calls of C_GetAttributeValue so far */
	atomic_int pair_ms;      /* so long C_GenerateKeyPair takes at least */
	atomic_int rsa_pairs;    /* RSA pairs made so far */
	atomic_int log_mask;     /* setlogmask() of the process, as it was in the last C_Decrypt */
};
