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
#include "client/cekctl/import/private_file.h"
#include "client/cekctl/import/private_fit.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/existing_keys.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/near.h"
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
	struct existing_keys known;
	size_t sent;
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

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static int send_entry(struct import *import, size_t i)
{
	const struct private_entry *entry = &import->file.entries[i];
	const Cek__V1__Key *key;
	Cek__V1__Reply *reply;
	int r = sealed_import(import->ctl, import->name, import->wanted.alg->name, entry->kid, &entry->key, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	rpc_reply_free(import->known.key);
	import->known.key = reply;
	key = reply->key->key;
	import->known.kid[i] = strdup(key->version[key->n_version - 1]->kid);
	import->sent++;
	return import->known.kid[i] ? EXIT_SUCCESS : ctl_fail(import->ctl, "out of memory");
}

static int send_all(struct import *import)
{
	size_t wanted = 0;
	int r = EXIT_SUCCESS;

	for (size_t i = 0; i < import->file.n; i++)
		wanted += !*import->file.entries[i].skipped;
	for (size_t i = 0; r == EXIT_SUCCESS && i < import->file.n; i++)
		if (!*import->file.entries[i].skipped && !import->known.there[i])
			r = send_entry(import, i);
	if (r != EXIT_SUCCESS && wanted > 1)
		ctl_warn(import->ctl, "%zu of %zu keys are imported; the same command goes on with the others",
			import->known.found + import->sent, wanted);
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

		if (!*entry->skipped && !import->known.there[i])
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
		if (!*import->file.entries[i].skipped && !import->known.there[i])
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
	json_t *object = keys_json(import->known.key->key->key);
	json_t *imported = json_array(), *there = json_array(), *skipped = json_array();

	for (size_t i = 0; i < import->file.n; i++) {
		const struct private_entry *entry = &import->file.entries[i];

		if (*entry->skipped)
			json_array_append_new(skipped, skipped_json(entry));
		else
			json_array_append_new(import->known.there[i] ? there : imported,
				output_string(import->known.kid[i]));
	}
	json_object_set_new(object, "imported", imported);
	json_object_set_new(object, "existing", there);
	json_object_set_new(object, "skipped", skipped);
	return output_json(import->ctl, object);
}

static int print(const struct import *import)
{
	const Cek__V1__Key *key = import->known.key->key->key;
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
		if (import->known.there[i])
			printf("imported before: ");
		r = keys_print_change(import->ctl, key, import->known.kid[i]);
	}
	if (r == EXIT_SUCCESS && import->file.n > 1)
		printf("%zu imported, %zu imported before, %zu skipped\n", import->sent, import->known.found,
			import->file.n - import->sent - import->known.found);
	return r;
}

static int run(struct import *import)
{
	int r = read_file(import);

	import->known = (struct existing_keys){.ctl = import->ctl,
		.name = import->name,
		.alg = import->wanted.alg,
		.file = &import->file};
	if (r == EXIT_SUCCESS)
		r = existing_keys_look(&import->known);
	if (r == EXIT_SUCCESS && import->how.dry_run) {
		r = preview_all(import);
	} else if (r == EXIT_SUCCESS) {
		r = send_all(import);
		if (r == EXIT_SUCCESS)
			r = print(import);
	}
	existing_keys_deinit(&import->known);
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
	char why[PRIVATE_WHY], hint[REACH_TEXT];
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
		return ctl_fail_as(ctl, "UNSUPPORTED", near_no_value("ALG", alg_name, hint) ? hint : NULL, "%s",
			alg_refusal(alg_name) ? alg_refusal(alg_name) : "unknown algorithm");
	import.wanted.passphrase = &passphrase;
	import.name = words[0];
	return run(&import);
}
