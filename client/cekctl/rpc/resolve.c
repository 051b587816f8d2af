/* SPDX-License-Identifier: Apache-2.0 */
/* The request that follows names the kid that was found: what NAME/active or a beginning means may change between the
 * two, the version that is acted on is the one that was found. */
#include "client/cekctl/rpc/resolve.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cekctl/console/values.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/listing.h"
#include "client/cekctl/rpc/rpc.h"

enum {
	PREFIX_LEAST = 6, /* characters */
	SHOWN_MAX = 4,    /* versions in the report of an ambiguous beginning */
	SHOWN_BYTES = 1600,
};

static const char see_list[] = "\"cekctl key list\" shows the versions";

static const char *unknown(void)
{
	return cek_status_name(CEK_UNKNOWN_KEY);
}

static int take(struct ctl *ctl, const Cek__V1__Key *key, const Cek__V1__Version *version, struct resolved *to)
{
	if (strlen(key->name) > KEY_NAME_MAX || strlen(version->kid) > KID_MAX)
		return rpc_fail_protocol(ctl, "cekd's reply has a name that is too long");
	strcpy(to->key, key->name);
	strcpy(to->found, version->kid);
	to->kid = to->found;
	to->number = version->number;
	to->state = version->state;
	return EXIT_SUCCESS;
}

/* ret_no: not CEK_OK if the word is no kid or alias that this peer may know of. */
static int take_exact(struct ctl *ctl, const char *word, int *ret_no, struct resolved *to)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	const Cek__V1__Version *version;
	Cek__V1__Reply *reply;
	int r;

	describe.kid = rpc_text(word);
	describe.brief = true;
	r = rpc_seek(ctl, &describe, ret_no, &reply);
	if (r != EXIT_SUCCESS || !reply)
		return r;
	version = keys_version(reply->key->key, word);
	if (version)
		r = take(ctl, reply->key->key, version, to);
	else
		r = rpc_fail_protocol(ctl, "cekd's reply is about another version");
	rpc_reply_free(reply);
	return r;
}

static const Cek__V1__Version *of_number(const Cek__V1__Key *key, uint32_t number)
{
	for (size_t i = 0; i < key->n_version; i++)
		if (key->version[i]->number == number)
			return key->version[i];
	return NULL;
}

/* "NAME/active" or "NAME/2". number 0: the active one. */
static bool split(const char *word, char name[KEY_NAME_MAX + 1], uint32_t *ret_number)
{
	const char *slash = strrchr(word, '/');

	if (!slash || slash == word || slash - word > KEY_NAME_MAX)
		return false;
	snprintf(name, KEY_NAME_MAX + 1, "%.*s", (int)(slash - word), word);
	*ret_number = 0;
	if (strcmp(slash + 1, "active") != 0 && (value_number(slash + 1, ret_number) < 0 || *ret_number == 0))
		return false;
	return key_name_valid(name);
}

/* The page of a key on which this version stands, if there is one. */
static int ask_number(struct ctl *ctl, const char *name, uint32_t number, Cek__V1__Reply **ret_reply)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	int no, r;

	describe.key = rpc_text(name);
	describe.brief = true;
	r = rpc_seek(ctl, &describe, &no, ret_reply);
	if (r != EXIT_SUCCESS || !*ret_reply || number == 0 || number >= (*ret_reply)->key->key->before)
		return r;
	*ret_reply = rpc_reply_free(*ret_reply);
	describe.before = number + 1;
	return rpc_seek(ctl, &describe, &no, ret_reply);
}

/* What a word such as NAME/2 or NAME/active means. */
struct numbered {
	char name[KEY_NAME_MAX + 1];
	uint32_t number;                 /* 0: the active one */
	Cek__V1__Reply *reply;           /* NULL: the word is nothing of the kind, or there is no such key */
	const Cek__V1__Version *version; /* in reply; NULL: the key has no such version */
};

/* rpc_reply_free(ret_numbered->reply) afterwards. */
static int look_numbered(struct ctl *ctl, const char *word, struct numbered *ret_numbered)
{
	const Cek__V1__Key *key;
	int r;

	*ret_numbered = (struct numbered){0};
	if (!split(word, ret_numbered->name, &ret_numbered->number))
		return EXIT_SUCCESS;
	r = ask_number(ctl, ret_numbered->name, ret_numbered->number, &ret_numbered->reply);
	if (r != EXIT_SUCCESS || !ret_numbered->reply)
		return r;
	key = ret_numbered->reply->key->key;
	ret_numbered->version = ret_numbered->number ? of_number(key, ret_numbered->number) : keys_active(key);
	return EXIT_SUCCESS;
}

/* to->kid stays NULL if the word is nothing of the kind, or there is no such key. */
static int take_numbered(struct ctl *ctl, const char *word, struct resolved *to)
{
	struct numbered numbered;
	const Cek__V1__Key *key;
	int r = look_numbered(ctl, word, &numbered);

	if (r != EXIT_SUCCESS || !numbered.reply)
		return r;
	key = numbered.reply->key->key;
	if (numbered.version)
		r = take(ctl, key, numbered.version, to);
	else if (numbered.number == 0)
		r = ctl_fail_as(ctl, unknown(), see_list, "no version of %s is active", numbered.name);
	else
		r = ctl_fail_as(ctl, unknown(), see_list, "%s has no version %u, the newest is %u", numbered.name,
			numbered.number, key->n_version ? key->version[key->n_version - 1]->number : 0);
	rpc_reply_free(numbered.reply);
	return r;
}

/* What begins with the word. */
struct search {
	const char *word;
	size_t len, found;
	struct resolved *first;
	char shown[SHOWN_BYTES]; /* those found, for the report */
	size_t n_shown;
};

static const char *begins(const Cek__V1__Version *version, const struct search *search)
{
	if (strncmp(version->kid, search->word, search->len) == 0)
		return version->kid;
	for (size_t i = 0; i < version->n_alias; i++)
		if (strncmp(version->alias[i], search->word, search->len) == 0)
			return version->alias[i];
	return NULL;
}

static int look(struct ctl *ctl, const Cek__V1__Key *key, void *data)
{
	struct search *search = data;
	int r = EXIT_SUCCESS;

	for (size_t i = 0; r == EXIT_SUCCESS && i < key->n_version; i++) {
		const char *kid = begins(key->version[i], search);

		if (!kid)
			continue;
		if (search->found++ == 0)
			r = take(ctl, key, key->version[i], search->first);
		if (search->found <= SHOWN_MAX)
			search->n_shown += (size_t)snprintf(search->shown + search->n_shown,
				SHOWN_BYTES - search->n_shown, "%s%.*s (%.*s/%u)", search->found > 1 ? ", " : "",
				KID_MAX, kid, KEY_NAME_MAX, key->name, key->version[i]->number);
	}
	return r;
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* to->kid stays NULL if nothing begins so. */
static int take_beginning(struct ctl *ctl, const char *word, struct resolved *to)
{
	struct resolved found = {0};
	struct search search = {.word = word, .len = strlen(word), .first = &found};
	int r;

	if (search.len == 0 || search.len > KID_MAX)
		return EXIT_SUCCESS;
	r = listing_each(ctl, look, &search);
	if (r != EXIT_SUCCESS || search.found == 0)
		return r;
	if (characters(word) < PREFIX_LEAST)
		return ctl_fail_as(ctl, unknown(), see_list,
			"no kid is \"%s\", and the beginning of one has at least %d characters", word, PREFIX_LEAST);
	if (search.found > 1)
		return ctl_usage(ctl, "\"%s\" is the beginning of %zu kids: %s%s", word, search.found, search.shown,
			search.found > SHOWN_MAX ? ", …" : "");
	*to = found;
	to->kid = to->found;
	return EXIT_SUCCESS;
}

/* A key's name alone is no version. */
static int check_name(struct ctl *ctl, const char *word)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	Cek__V1__Reply *reply;
	int no, r;

	if (!key_name_valid(word))
		return EXIT_SUCCESS;
	describe.key = rpc_text(word);
	describe.brief = true;
	r = rpc_seek(ctl, &describe, &no, &reply);
	if (r != EXIT_SUCCESS || !reply)
		return r;
	r = ctl_fail_as(ctl, unknown(), see_list, "%s is a key: name one of its versions, such as %s/active or %s/1",
		word, word, word);
	rpc_reply_free(reply);
	return r;
}

static void show(const struct ctl *ctl, const char *word, const struct resolved *to)
{
	if (strcmp(word, to->kid) != 0 && isatty(STDERR_FILENO))
		ctl_warn(ctl, "%s is version %u of %s, %s, kid %s", word, to->number, to->key, keys_state(to->state),
			to->kid);
}

/* A kid or alias that looks like NAME/2, while NAME has such a version, and it is another one: which is meant? */
static int check_twofold(struct ctl *ctl, const char *word, const struct resolved *to)
{
	struct numbered other;
	int r = look_numbered(ctl, word, &other);

	if (r != EXIT_SUCCESS || !other.reply)
		return r;
	if (other.version && strcmp(other.version->kid, to->kid) != 0)
		r = ctl_usage(ctl,
			"%s is a kid of version %u of %s (%s), and also means version %u of %s (%s): name one by its "
			"kid",
			word, to->number, to->key, to->kid, other.version->number, other.name, other.version->kid);
	rpc_reply_free(other.reply);
	return r;
}

int resolve_version(struct ctl *ctl, const char *word, struct resolved *ret_version)
{
	int no = CEK_OK, r;
	bool untold;

	*ret_version = (struct resolved){0};
	if (!*word)
		return ctl_usage(ctl, "the KID is empty");
	r = take_exact(ctl, word, &no, ret_version);
	if (r == EXIT_SUCCESS && no == CEK_OK)
		r = check_twofold(ctl, word, ret_version);
	untold = no == CEK_UNKNOWN_KEY || no == CEK_UNAVAILABLE;
	if (r == EXIT_SUCCESS && untold)
		r = take_numbered(ctl, word, ret_version);
	if (r == EXIT_SUCCESS && untold && !ret_version->kid)
		r = take_beginning(ctl, word, ret_version);
	if (r == EXIT_SUCCESS && untold && !ret_version->kid)
		r = check_name(ctl, word);
	if (r != EXIT_SUCCESS)
		return r;
	if (ret_version->kid)
		show(ctl, word, ret_version);
	else
		ret_version->kid = word;
	return EXIT_SUCCESS;
}
