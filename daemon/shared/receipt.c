/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/receipt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/log.h"

enum { TEXT_MAX = 512 }; /* bytes under the MAC */

int receipt_read_key(int fd, struct arena *arena, const uint8_t **ret_key)
{
	uint8_t *key;
	int r = arena_init(arena, RECEIPT_KEY_LEN);

	if (r < 0)
		return log_origin(r);
	key = arena_alloc(arena, RECEIPT_KEY_LEN);
	if (!key || pread(fd, key, RECEIPT_KEY_LEN, 0) != RECEIPT_KEY_LEN)
		return log_origin(-EPROTO);
	*ret_key = key;
	return 0;
}

int receipt_half(const Cek__V1__PublicKey *public_key, uint8_t ret_half[RECEIPT_HALF_LEN])
{
	const size_t len = public_key ? cek__v1__public_key__get_packed_size(public_key) : 0;
	uint8_t *packed;
	int done;

	memset(ret_half, 0, RECEIPT_HALF_LEN);
	if (!public_key)
		return 0;
	packed = malloc(len + 1);
	if (!packed)
		return log_origin(-ENOMEM);
	cek__v1__public_key__pack(public_key, packed);
	done = EVP_Digest(packed, len, ret_half, NULL, EVP_sha256(), NULL);
	free(packed);
	return done == 1 ? 0 : log_origin(-EIO);
}

/* ---- what is under the MAC --------------------------------------------------------------------------------------- */

struct text {
	uint8_t data[TEXT_MAX];
	size_t len;
	bool full;
};

static void add(struct text *text, const void *data, size_t len)
{
	text->full = text->full || len > sizeof(text->data) - text->len;
	if (text->full || len == 0)
		return;
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

static void add_number(struct text *text, uint64_t number)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		add(text, &(uint8_t){(uint8_t)(number >> shift)}, 1);
}

/* With its length before it, so that no two receipts have the same text. */
static void add_bytes(struct text *text, const void *data, size_t len)
{
	add_number(text, len);
	add(text, data, len);
}

static void add_string(struct text *text, const char *string)
{
	add_bytes(text, string, strlen(string));
}

int receipt_mac(const uint8_t key[RECEIPT_KEY_LEN], const Cek__Internal__V1__Receipt *receipt,
	const struct receipt_job *job, uint8_t ret_mac[RECEIPT_MAC_LEN])
{
	struct text text = {.len = 0};
	unsigned len = 0;

	add_string(&text, "cekd receipt");
	add_number(&text, receipt->seq);
	add_string(&text, receipt->hash);
	add_number(&text, receipt->up);
	add_string(&text, receipt->op);
	add_string(&text, job->alg);
	add_bytes(&text, job->cka_id, job->cka_id_len);
	add_bytes(&text, job->half, sizeof(job->half));
	if (text.full)
		return log_origin(-ERANGE);
	if (!HMAC(EVP_sha256(), key, RECEIPT_KEY_LEN, text.data, text.len, ret_mac, &len) || len != RECEIPT_MAC_LEN)
		return log_origin(-EIO);
	return 0;
}

bool receipt_good(const uint8_t key[RECEIPT_KEY_LEN], const Cek__Internal__V1__Receipt *receipt,
	const struct receipt_job *job)
{
	uint8_t mac[RECEIPT_MAC_LEN];
	const bool good = receipt->mac.len == sizeof(mac) && receipt_mac(key, receipt, job, mac) == 0 &&
		CRYPTO_memcmp(mac, receipt->mac.data, sizeof(mac)) == 0;

	wipe(mac, sizeof(mac)); /* of a forged one it would be what was missing */
	return good;
}
