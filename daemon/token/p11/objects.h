/*
 * The KEKs that this worker has used: what the token says of each is asked once and kept. named.h says which object is
 * meant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/session.h"
#include "proto/alg.h"
#include "proto/cek.pb-c.h"

struct name;
struct public_half;

enum {
	CKA_ID_MAX = 64,       /* bytes; cekd makes 16, ceremonies make what they like */
	KEY_BUCKETS = 256,
	POINT_MAX = 1 + 2 * 66, /* uncompressed, P-521 */
};

/* Is an object the private half of a public one? */
enum named_same { NAMED_SAME, NAMED_OTHER, NAMED_UNKNOWN };

enum rsa_way { RSA_UNDECIDED, RSA_TOKEN_OAEP, RSA_RAW };

struct key {
	struct key *next;
	uint8_t id[CKA_ID_MAX];
	size_t id_len;
	CK_OBJECT_HANDLE object; /* the token object */
	CK_OBJECT_HANDLE handle; /* what operations use: a session copy of it, or itself */
	uint64_t seen_us;        /* when the token object was last seen */
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE type;
	size_t modulus_len;        /* RSA: bytes */
	unsigned modulus_bits;     /* RSA, exactly */
	const struct curve *curve; /* EC, X25519 */
	size_t value_len;          /* AES: bytes, 0 if the token does not say */
	bool can_decrypt, can_unwrap; /* AES: usage flags, as CKA_DECRYPT and CKA_UNWRAP */
	enum rsa_way rsa_way;
	EVP_PKEY *public_key;      /* read when it is first wanted */
	EVP_PKEY_CTX *encrypt;     /* RSA: ready for EVP_PKEY_encrypt() */
};

struct keys {
	struct session *session;
	bool copy; /* work with session copies */
	uint64_t now_us; /* monotonic, when the present job began; the loop's to set */
	/* Is this EC private key the other half of half? It does not tell, so it has to show. NULL: not to be known. */
	CK_RV (*compare)(void *context, CK_OBJECT_HANDLE object, const struct public_half *half,
			 enum named_same *ret_same);
	void *context;
	struct key *bucket[KEY_BUCKETS];
	struct {
		uint8_t id[CKA_ID_MAX];
		size_t id_len;
		uint64_t until_us; /* do not reopen the module for this one before */
	} missed[16];
	unsigned next_missed;
	bool never_reopen; /* session objects live here that must not go (transport keys) */
};

/* The key of this name; it stays valid until the next call for it, keys_forget() or keys_forget_all(). Its token object
 * was seen within the last second: a session copy outlives it, and RSA and ECDH-ES wrap without asking the token.
 * CKR_OK, CKR_CEKD_MISSING after a second look (and, for SoftHSM with a read-only token.object, a third one after
 * reopening the module), CKR_CEKD_AMBIGUOUS, or what the token says. */
CK_RV keys_get(struct keys *keys, const struct name *name, struct key **ret_key);

/* Drop what is known of a key, and its session copy. */
void keys_forget(struct keys *keys, const uint8_t *id, size_t id_len);

/* Drop everything; the handles are void already. */
void keys_forget_all(struct keys *keys);

/* Up to max token objects that match the template. */
CK_RV objects_find(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_objects,
		   CK_ULONG max, CK_ULONG *ret_n);

/* All token objects that match; malloc'ed, the caller's to free. */
CK_RV objects_find_all(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
		       CK_ULONG *ret_n);

/* Is this attribute there and true? */
bool object_flag(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

/* One attribute into a buffer of at most size bytes. CKR_OK or what the token says. */
CK_RV object_read(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret_value,
		  size_t size, size_t *ret_len);
