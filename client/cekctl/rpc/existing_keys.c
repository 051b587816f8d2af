/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/existing_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "client/cekctl/import/aes_proof.h"
#include "client/cekctl/rpc/existing.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/sealed.h"
#include "proto/alg.h"

/* Which key of the file is spoken of, in an error; nothing if it is the only one. */
static const char *which(const struct existing_keys *keys, const struct private_entry *entry, char text[32])
{
	text[0] = '\0';
	if (keys->file->n > 1)
		snprintf(text, 32, "key %zu of the set: ", entry->number);
	return text;
}

static int conflict(const struct existing_keys *keys, const struct private_entry *entry, const char *kid,
	const char *what)
{
	char text[32];

	return ctl_fail_as(keys->ctl, cek_status_name(CEK_CONFLICT), NULL, "%s%s %s", which(keys, entry, text), kid,
		what);
}

/* What gives the version that kid as well: a command that can be copied, so that a kid which a shell would read stands
 * in it by its name only. */
static int conflict_of_kid(const struct existing_keys *keys, const struct private_entry *entry,
	const Cek__V1__Version *version)
{
	const bool plain = key_name_valid(entry->kid) && *entry->kid != '-';
	char text[32], hint[KEY_NAME_MAX + KID_MAX + 128];

	snprintf(hint, sizeof(hint), "cekctl key alias add %.64s/%u %.64s gives it that kid as well", keys->name,
		version->number, plain ? entry->kid : "KID");
	return ctl_fail_as(keys->ctl, cek_status_name(CEK_CONFLICT), hint,
		"%s%s is this key, and has not the kid that is wanted", which(keys, entry, text), version->kid);
}

/* It is a version of the key: the one that was wanted, or else nothing that an import can mend. */
static int check_version(struct existing_keys *keys, size_t i, const Cek__V1__Version *version)
{
	const struct private_entry *entry = &keys->file->entries[i];

	if (version->state == CEK__V1__STATE__STATE_DESTROYED)
		return conflict(keys, entry, version->kid, "was this key, and is destroyed");
	if (*entry->kid && !keys_has_kid(version, entry->kid))
		return conflict_of_kid(keys, entry, version);
	keys->kid[i] = strdup(version->kid);
	if (!keys->kid[i])
		return ctl_fail(keys->ctl, "out of memory");
	keys->there[i] = true;
	keys->found++;
	return EXIT_SUCCESS;
}

/* What can be opened with the AES key is sent to cekd: under the kid if the key has a version of that, else under the
 * key. */
static int ask_for_aes(struct existing_keys *keys, const struct private_entry *entry, const char *kid,
	enum existing *ret_existing, char **ret_kid)
{
	const struct alg *alg = keys->alg;
	struct cek_unwrap args = {.kid = kid, .key = kid ? NULL : keys->name, .alg = alg->name, .enc = "A256GCM"};
	uint8_t cek[AES_PROOF_CEK];
	struct aes_proof proof;
	int r;

	if (aes_proof_make(&entry->key, alg, cek, &proof) < 0) {
		wipe(cek, sizeof(cek));
		return ctl_fail(keys->ctl, "OpenSSL refuses to wrap with the AES key");
	}
	args.encrypted_key = (struct cek_bytes){proof.encrypted_key, proof.encrypted_key_len};
	args.params.iv = (struct cek_bytes){proof.iv, proof.iv_len};
	args.params.tag = (struct cek_bytes){proof.tag, proof.tag_len};
	r = existing_unwraps(keys->ctl, &args, (struct cek_bytes){cek, sizeof(cek)}, ret_existing, ret_kid);
	wipe(cek, sizeof(cek));
	return r;
}

/* AES keys have no public half. *ret_version stays NULL if the key, which is there, has no such version. */
static int find_aes(struct existing_keys *keys, const struct private_entry *entry, const Cek__V1__Version **ret_version)
{
	const Cek__V1__Key *key = keys->key->key->key;
	const char *kid = *entry->kid && keys_version(key, entry->kid) ? entry->kid : NULL;
	enum existing existing = EXISTING_NO;
	char *found = NULL;
	int r = ask_for_aes(keys, entry, kid, &existing, &found);

	if (r == EXIT_SUCCESS && existing == EXISTING_YES)
		*ret_version = keys_version(key, found);
	else if (r == EXIT_SUCCESS && kid && existing == EXISTING_NO)
		r = conflict(keys, entry, kid, "is a kid of this key already, of another AES key");
	else if (r == EXIT_SUCCESS && kid)
		r = conflict(keys, entry, kid, "is a kid of this key already; whether of the same AES key is not told");
	else if (r == EXIT_SUCCESS && !*entry->kid && existing == EXISTING_UNTOLD)
		r = conflict(keys, entry, keys->name,
			"may have this AES key already, which is told to those alone who may unwrap: give it a --kid");
	free(found);
	return r;
}

static int check_kid_free(struct existing_keys *keys, const struct private_entry *entry)
{
	Cek__V1__Reply *other = NULL;
	int r = existing_find(keys->ctl, NULL, entry->kid, &other);

	if (r == EXIT_SUCCESS && other)
		r = conflict(keys, entry, entry->kid, "is a kid of another version");
	rpc_reply_free(other);
	return r;
}

static int check_entry(struct existing_keys *keys, size_t i)
{
	const struct private_entry *entry = &keys->file->entries[i];
	const Cek__V1__Version *version = NULL;
	Cek__V1__PublicKey public_key;
	int r = EXIT_SUCCESS;

	sealed_public(&entry->key, &public_key);
	if (keys->key && strcmp(entry->key.kty, "oct") == 0)
		r = find_aes(keys, entry, &version);
	else if (keys->key)
		version = existing_version(keys->key->key->key, &public_key);
	if (r == EXIT_SUCCESS && version)
		r = check_version(keys, i, version);
	else if (r == EXIT_SUCCESS && *entry->kid)
		r = check_kid_free(keys, entry);
	return r;
}

/* All versions of a key are on one curve: the one that it has, or that of the first in the file. */
static int check_curves(struct existing_keys *keys)
{
	const char *crv = keys->key ? keys->key->key->key->crv : "";
	size_t left = 0;

	for (size_t i = 0; i < keys->file->n; i++) {
		struct private_entry *entry = &keys->file->entries[i];

		if (*entry->skipped)
			continue;
		if (!*crv && entry->key.crv)
			crv = entry->key.crv;
		if (!entry->key.crv || strcmp(entry->key.crv, crv) == 0) {
			left++;
			continue;
		}
		snprintf(entry->skipped, sizeof(entry->skipped), "it is on %s, and %s is on %s", entry->key.crv,
			keys->name, crv);
		private_key_deinit(&entry->key);
	}
	if (left == 0)
		return ctl_fail_as(keys->ctl, cek_status_name(CEK_CONFLICT), NULL,
			"no key is on the same curve as %s, which is on %s", keys->name, crv);
	return EXIT_SUCCESS;
}

int existing_keys_look(struct existing_keys *keys)
{
	const struct alg *alg = keys->alg;
	int r = existing_find(keys->ctl, keys->name, NULL, &keys->key);

	if (r == EXIT_SUCCESS && keys->key && strcmp(keys->key->key->key->alg, alg->name) != 0)
		r = ctl_fail_as(keys->ctl, cek_status_name(CEK_CONFLICT), NULL, "%s is a key for %s, not for %s",
			keys->name, keys->key->key->key->alg, alg->name);
	if (r == EXIT_SUCCESS)
		r = check_curves(keys);
	for (size_t i = 0; r == EXIT_SUCCESS && i < keys->file->n; i++)
		if (!*keys->file->entries[i].skipped)
			r = check_entry(keys, i);
	return r;
}

void existing_keys_deinit(struct existing_keys *keys)
{
	for (size_t i = 0; i < PRIVATE_KEYS_MAX; i++)
		free(keys->kid[i]);
	rpc_reply_free(keys->key);
}
