/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CK_RV of a token means for cekd. One table; a code that is not in it counts as ambiguous.
 */
#pragma once

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

enum ckr_class {
	CKR_CLASS_OK,
	CKR_CLASS_DATA,        /* the input is bad: OUTCOME_FAILED, and no doubt about the token */
	CKR_CLASS_AMBIGUOUS,   /* bad input or a bad token: a canary decides */
	CKR_CLASS_SESSION,     /* a new session, one retry */
	CKR_CLASS_LOGIN,       /* log in, one retry */
	CKR_CLASS_HANDLE,      /* find the object again, one retry */
	CKR_CLASS_PIN,         /* stop; a retry would lock the token */
	CKR_CLASS_HARD,        /* the token is gone: the worker ends and is started anew */
	CKR_CLASS_UNSUPPORTED, /* the token, or this key, does not do that */
	CKR_CLASS_MISSING,     /* CKR_CEKD_MISSING */
	CKR_CLASS_TWINS,       /* CKR_CEKD_AMBIGUOUS */
	CKR_CLASS_UNTRIED,     /* CKR_CEKD_UNTRIED */
};

/* PKCS#11 3.0; p11-kit 0.24 does not name them. */
#define CKM_MONTGOMERY_KEY_PAIR_GEN 0x1056UL
#define CKK_MONTGOMERY 0x41UL

/* Codes of our own, returned by the functions of this folder beside the token's. */
#define CKR_CEKD_MISSING (CKR_VENDOR_DEFINED | 0x63656b01UL)   /* no object is the one that is meant (named.h) */
#define CKR_CEKD_WRONG (CKR_VENDOR_DEFINED | 0x63656b03UL)     /* it worked, and the result is wrong */
#define CKR_CEKD_UNTRIED (CKR_VENDOR_DEFINED | 0x63656b04UL)   /* the token has not shown yet whether it can */
#define CKR_CEKD_AMBIGUOUS (CKR_VENDOR_DEFINED | 0x63656b02UL) /* several objects could be */

enum ckr_class ckr_class(CK_RV rv);

/* Could the next call go well, since nothing but this one failed? Hard and ambiguous errors. */
bool ckr_doubtful(CK_RV rv);

/* "CKR_DEVICE_ERROR", or "CKR 0x…" in static storage that the next call overwrites. */
const char *ckr_name(CK_RV rv);

/* "the token says CKR_DEVICE_ERROR", or what a code of our own means; in such storage as well. */
const char *ckr_says(CK_RV rv);
