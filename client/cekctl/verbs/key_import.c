/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key import: private keys go into the token, each sealed before it leaves this process. All of the file is
 * checked, and what is there already looked at, before the first one is sent. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wipe.h"
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/secret.h"
#include "client/cekctl/import/aes_proof.h"
#include "client/cekctl/import/private_file.h"
#include "client/cekctl/import/private_fit.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/existing.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/previews.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/sealed.h"
#include "client/cekctl/verbs/verbs.h"
#include "proto/alg.h"

struct import {
	struct ctl *ctl;
	const char *name, *path, *passphrase_path;
	struct change_how how;
	struct private_wanted wanted;
	struct private_file file;
	Cek__V1__Reply *key;          /* as it was told last; NULL: not there, or not for this user */
	bool there[PRIVATE_KEYS_MAX]; /* it was imported before */
	char *kid[PRIVATE_KEYS_MAX];  /* of the version that it is now; NULL: not imported */
	size_t sent, found;
};

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static int get_passphrase(void *owner, char *ret_text, size_t size, char why[PRIVATE_WHY])
{
	const struct import *import = owner;
	const char *path = import->passphrase_path;
	char question[128];
	ssize_t n;

	snprintf(question, sizeof(question),
		"Passphrase of %.80s: ", strcmp(import->path, "-") == 0 ? "the key on standard input" : import->path);
	n = path ? secret_from_file(path, ret_text, size) : secret_ask(question, ret_text, size);
	if (n > 0)
		return (int)n;
	if (n == -ENXIO && !path)
		return private_refuse(why,
			"the private key is encrypted, and there is no terminal to ask for its passphrase: "
			"--passphrase-file is needed");
	if (n == 0 || n == -ENODATA)
		return private_refuse(why, "the passphrase is empty");
	if (n == -EMSGSIZE)
		return private_refuse(why, "the passphrase has more than %zu bytes", size);
	return private_refuse(why, "cannot read the passphrase%s%.80s: %s", path ? " from " : "", path ? path : "",
		strerror((int)-n));
}

static void close_input(int fd)
{
	if (fd != STDIN_FILENO) /* whose number the next socket would get */
		close(fd);
}

static int read_file(struct import *import)
{
	const struct ctl *ctl = import->ctl;
	const char *path = import->path;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char why[PRIVATE_WHY];
	struct arena file;
	ssize_t n;
	int r;

	if (fd < 0)
		return ctl_fail(ctl, "%s: %s", path, strerror(errno));
	r = private_key_setup();
	if (r == 0)
		r = arena_init(&file, PRIVATE_FILE_MAX);
	if (r < 0) {
		close_input(fd);
		return ctl_fail(ctl, "cannot get locked memory: %s", strerror(-r));
	}
	n = io_read_all(fd, file.base, PRIVATE_FILE_MAX);
	file.used = n > 0 ? (size_t)n : PRIVATE_FILE_MAX;
	close_input(fd);
	if (n == -EMSGSIZE)
		r = ctl_fail_as(ctl, "MALFORMED", NULL, "%s has more than %d bytes", path, PRIVATE_FILE_MAX);
	else if (n < 0)
		r = ctl_fail(ctl, "%s: %s", path, strerror((int)-n));
	else if (private_file_read((const char *)file.base, (size_t)n, &import->wanted, &import->file, why) < 0)
		r = ctl_fail_as(ctl, "MALFORMED", NULL, "%s", why);
	arena_deinit(&file);
	return r;
}

/* ---- what is there already --------------------------------------------------------------------------------------- */

/* Which key of the file is spoken of, in an error; nothing if it is the only one. */
static const char *which(const struct import *import, const struct private_entry *entry, char text[32])
{
	text[0] = '\0';
	if (import->file.n > 1)
		snprintf(text, 32, "key %zu of the set: ", entry->number);
	return text;
}

static int conflict(const struct import *import, const struct private_entry *entry, const char *kid, const char *what)
{
	char text[32];

	return ctl_fail_as(import->ctl, cek_status_name(CEK_CONFLICT), NULL, "%s%s %s", which(import, entry, text), kid,
		what);
}

/* It is a version of the key: the one that was wanted, or else nothing that an import can mend. */
static int check_version(struct import *import, size_t i, const Cek__V1__Version *version)
{
	const struct private_entry *entry = &import->file.entries[i];

	if (version->state == CEK__V1__STATE__STATE_DESTROYED)
		return conflict(import, entry, version->kid, "was this key, and is destroyed");
	if (*entry->kid && !keys_has_kid(version, entry->kid))
		return conflict(import, entry, version->kid, "is this key, and has not the kid that is wanted");
	import->kid[i] = strdup(version->kid);
	if (!import->kid[i])
		return ctl_fail(import->ctl, "out of memory");
	import->there[i] = true;
	import->found++;
	return EXIT_SUCCESS;
}

/* What can be opened with the AES key is sent to cekd: under the kid if the key has a version of that, else under the
 * key. */
static int ask_for_aes(struct import *import, const struct private_entry *entry, const char *kid,
	enum existing *ret_existing, char **ret_kid)
{
	const struct alg *alg = import->wanted.alg;
	struct cek_unwrap args = {.kid = kid, .key = kid ? NULL : import->name, .alg = alg->name, .enc = "A256GCM"};
	uint8_t cek[AES_PROOF_CEK];
	struct aes_proof proof;
	int r;

	if (aes_proof_make(&entry->key, alg, cek, &proof) < 0) {
		wipe(cek, sizeof(cek));
		return ctl_fail(import->ctl, "OpenSSL refuses to wrap with the AES key");
	}
	args.encrypted_key = (struct cek_bytes){proof.encrypted_key, proof.encrypted_key_len};
	args.params.iv = (struct cek_bytes){proof.iv, proof.iv_len};
	args.params.tag = (struct cek_bytes){proof.tag, proof.tag_len};
	r = existing_unwraps(import->ctl, &args, (struct cek_bytes){cek, sizeof(cek)}, ret_existing, ret_kid);
	wipe(cek, sizeof(cek));
	return r;
}

/* AES keys have no public half. *ret_version stays NULL if the key, which is there, has no such version. */
static int find_aes(struct import *import, const struct private_entry *entry, const Cek__V1__Version **ret_version)
{
	const Cek__V1__Key *key = import->key->key->key;
	const char *kid = *entry->kid && keys_version(key, entry->kid) ? entry->kid : NULL;
	enum existing existing = EXISTING_NO;
	char *found = NULL;
	int r = ask_for_aes(import, entry, kid, &existing, &found);

	if (r == EXIT_SUCCESS && existing == EXISTING_YES)
		*ret_version = keys_version(key, found);
	else if (r == EXIT_SUCCESS && kid && existing == EXISTING_NO)
		r = conflict(import, entry, kid, "is a kid of this key already, of another AES key");
	else if (r == EXIT_SUCCESS && kid)
		r = conflict(import, entry, kid,
			"is a kid of this key already; whether of the same AES key is not told");
	else if (r == EXIT_SUCCESS && !*entry->kid && existing == EXISTING_UNTOLD)
		r = conflict(import, entry, import->name,
			"may have this AES key already, which is told to those alone who may unwrap: give it a --kid");
	free(found);
	return r;
}

static int check_kid_free(struct import *import, const struct private_entry *entry)
{
	Cek__V1__Reply *other = NULL;
	int r = existing_find(import->ctl, NULL, entry->kid, &other);

	if (r == EXIT_SUCCESS && other)
		r = conflict(import, entry, entry->kid, "is a kid of another version");
	rpc_reply_free(other);
	return r;
}

static int check_entry(struct import *import, size_t i)
{
	const struct private_entry *entry = &import->file.entries[i];
	const Cek__V1__Version *version = NULL;
	Cek__V1__PublicKey public_key;
	int r = EXIT_SUCCESS;

	sealed_public(&entry->key, &public_key);
	if (import->key && strcmp(entry->key.kty, "oct") == 0)
		r = find_aes(import, entry, &version);
	else if (import->key)
		version = existing_version(import->key->key->key, &public_key);
	if (r == EXIT_SUCCESS && version)
		r = check_version(import, i, version);
	else if (r == EXIT_SUCCESS && *entry->kid)
		r = check_kid_free(import, entry);
	return r;
}

/* All versions of a key are on one curve: the one that it has, or that of the first in the file. */
static int check_curves(struct import *import)
{
	const char *crv = import->key ? import->key->key->key->crv : "";
	size_t left = 0;

	for (size_t i = 0; i < import->file.n; i++) {
		struct private_entry *entry = &import->file.entries[i];

		if (*entry->skipped)
			continue;
		if (!*crv && entry->key.crv)
			crv = entry->key.crv;
		if (!entry->key.crv || strcmp(entry->key.crv, crv) == 0) {
			left++;
			continue;
		}
		snprintf(entry->skipped, sizeof(entry->skipped), "it is on %s, and %s is on %s", entry->key.crv,
			import->name, crv);
		private_key_deinit(&entry->key);
	}
	if (left == 0)
		return ctl_fail_as(import->ctl, cek_status_name(CEK_CONFLICT), NULL,
			"no key is on the same curve as %s, which is on %s", import->name, crv);
	return EXIT_SUCCESS;
}

static int check_all(struct import *import)
{
	const struct alg *alg = import->wanted.alg;
	int r = existing_find(import->ctl, import->name, NULL, &import->key);

	if (r == EXIT_SUCCESS && import->key && strcmp(import->key->key->key->alg, alg->name) != 0)
		r = ctl_fail_as(import->ctl, cek_status_name(CEK_CONFLICT), NULL, "%s is a key for %s, not for %s",
			import->name, import->key->key->key->alg, alg->name);
	if (r == EXIT_SUCCESS)
		r = check_curves(import);
	for (size_t i = 0; r == EXIT_SUCCESS && i < import->file.n; i++)
		if (!*import->file.entries[i].skipped)
			r = check_entry(import, i);
	return r;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static int send_entry(struct import *import, size_t i)
{
	const struct private_entry *entry = &import->file.entries[i];
	const Cek__V1__Key *key;
	Cek__V1__Reply *reply;
	int r = sealed_import(import->ctl, import->name, import->wanted.alg->name, entry->kid, &entry->key, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	rpc_reply_free(import->key);
	import->key = reply;
	key = reply->key->key;
	import->kid[i] = strdup(key->version[key->n_version - 1]->kid);
	import->sent++;
	return import->kid[i] ? EXIT_SUCCESS : ctl_fail(import->ctl, "out of memory");
}

static int send_all(struct import *import)
{
	size_t wanted = 0;
	int r = EXIT_SUCCESS;

	for (size_t i = 0; i < import->file.n; i++)
		wanted += !*import->file.entries[i].skipped;
	for (size_t i = 0; r == EXIT_SUCCESS && i < import->file.n; i++)
		if (!*import->file.entries[i].skipped && !import->there[i])
			r = send_entry(import, i);
	if (r != EXIT_SUCCESS && wanted > 1)
		ctl_warn(import->ctl, "%zu of %zu keys are imported; the same command goes on with the others",
			import->found + import->sent, wanted);
	return r;
}

/* The private keys stay here. */
static int preview_entry(struct import *import, size_t i, Cek__V1__Reply **all)
{
	struct private_entry *entry = &import->file.entries[i];
	Cek__V1__ImportKeyRequest message = CEK__V1__IMPORT_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__PublicKey public_key;

	sealed_public(&entry->key, &public_key);
	message.key = rpc_text(import->name);
	message.alg = rpc_text(import->wanted.alg->name);
	message.kid = rpc_text(entry->kid);
	message.public_key = &public_key;
	request.op_case = CEK__V1__REQUEST__OP_IMPORT_KEY;
	request.import_key = &message;
	return previews_add(import->ctl, &request, all);
}

/* What would not be sent. */
static void print_left_out(const struct import *import)
{
	for (size_t i = 0; i < import->file.n; i++) {
		const struct private_entry *entry = &import->file.entries[i];

		if (!*entry->skipped && !import->there[i])
			continue;
		printf("key %zu of the file", entry->number);
		printf(*entry->kid ? ", " : "");
		output_text(entry->kid);
		printf(*entry->skipped ? " is skipped: " : " was imported before");
		output_text(entry->skipped);
		putchar('\n');
	}
}

static int preview_all(struct import *import)
{
	Cek__V1__Reply *all = NULL;
	int r = EXIT_SUCCESS;

	for (size_t i = 0; r == EXIT_SUCCESS && i < import->file.n; i++)
		if (!*import->file.entries[i].skipped && !import->there[i])
			r = preview_entry(import, i, &all);
	if (r == EXIT_SUCCESS && !import->ctl->json)
		print_left_out(import);
	if (r == EXIT_SUCCESS && all)
		r = change_preview_print(import->ctl, all->preview);
	else if (r == EXIT_SUCCESS && import->ctl->json)
		r = output_json(import->ctl,
			json_pack("{s:b, s:[], s:[], s:[], s:b}", "dry_run", 1, "will", "stops", "warnings", "asks",
				0));
	else if (r == EXIT_SUCCESS)
		printf("\nNothing would be changed.\n");
	rpc_reply_free(all);
	return r;
}

/* ---- what was done ----------------------------------------------------------------------------------------------- */

static json_t *skipped_json(const struct private_entry *entry)
{
	json_t *object = json_pack("{s:I}", "number", (json_int_t)entry->number);

	output_set_text(object, "kid", entry->kid);
	output_set_text(object, "reason", entry->skipped);
	return object;
}

static int print_json(const struct import *import)
{
	json_t *object = keys_json(import->key->key->key);
	json_t *imported = json_array(), *there = json_array(), *skipped = json_array();

	for (size_t i = 0; i < import->file.n; i++) {
		const struct private_entry *entry = &import->file.entries[i];

		if (*entry->skipped)
			json_array_append_new(skipped, skipped_json(entry));
		else
			json_array_append_new(import->there[i] ? there : imported, output_string(import->kid[i]));
	}
	json_object_set_new(object, "imported", imported);
	json_object_set_new(object, "existing", there);
	json_object_set_new(object, "skipped", skipped);
	return output_json(import->ctl, object);
}

static int print(const struct import *import)
{
	const Cek__V1__Key *key = import->key->key->key;
	int r = EXIT_SUCCESS;

	if (import->ctl->json)
		return print_json(import);
	for (size_t i = 0; r == EXIT_SUCCESS && i < import->file.n; i++) {
		const struct private_entry *entry = &import->file.entries[i];

		if (*entry->skipped) {
			printf("key %zu of the set", entry->number);
			printf(*entry->kid ? ", " : "");
			output_text(entry->kid);
			printf(" is skipped: ");
			output_text(entry->skipped);
			putchar('\n');
			continue;
		}
		if (import->there[i])
			printf("imported before: ");
		r = keys_print_change(import->ctl, key, import->kid[i]);
	}
	if (r == EXIT_SUCCESS && import->file.n > 1)
		printf("%zu imported, %zu imported before, %zu skipped\n", import->sent, import->found,
			import->file.n - import->sent - import->found);
	return r;
}

static int run(struct import *import)
{
	int r = read_file(import);

	if (r == EXIT_SUCCESS)
		r = check_all(import);
	if (r == EXIT_SUCCESS && import->how.dry_run) {
		r = preview_all(import);
	} else if (r == EXIT_SUCCESS) {
		r = send_all(import);
		if (r == EXIT_SUCCESS)
			r = print(import);
	}
	for (size_t i = 0; i < PRIVATE_KEYS_MAX; i++)
		free(import->kid[i]);
	rpc_reply_free(import->key);
	private_file_deinit(&import->file);
	return r;
}

int verb_key_import(struct ctl *ctl, int argc, char **argv)
{
	struct import import = {.ctl = ctl};
	const struct passphrase passphrase = {get_passphrase, &import};
	const char *alg_name = NULL;
	const struct arg args[] = {
		{"alg", ARG_STRING, &alg_name, "ALG", "the key's one JWE algorithm"},
		{"jwk", ARG_STRING, &import.path, "FILE", "a JWK, JWK Set, PEM or DER file (- = standard input)"},
		{"kid", ARG_STRING, &import.wanted.kid, "KID",
			"its kid; of a JWK Set: which key (default: the JWK's own)", .fresh = true},
		{"passphrase-file", ARG_STRING, &import.passphrase_path, "FILE", "the passphrase of an encrypted key"},
		CHANGE_DRY_RUN(import.how),
		{0},
	};
	char why[PRIVATE_WHY];
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!alg_name || !import.path)
		return ctl_usage(ctl, "--alg and --jwk are needed");
	if (import.wanted.kid && private_kid_check(import.wanted.kid, "--kid", why) < 0)
		return ctl_usage(ctl, "%s", why);
	if (import.passphrase_path && strcmp(import.passphrase_path, "-") == 0 && strcmp(import.path, "-") == 0)
		return ctl_usage(ctl, "--jwk and --passphrase-file cannot both be standard input");
	import.wanted.alg = alg_find(alg_name);
	if (!import.wanted.alg)
		return ctl_fail_as(ctl, "UNSUPPORTED", NULL, "%s",
			alg_refusal(alg_name) ? alg_refusal(alg_name) : "unknown algorithm");
	import.wanted.passphrase = &passphrase;
	import.name = words[0];
	return run(&import);
}
