/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "daemon/broker/lifecycle/fsck.h"
#include "daemon/broker/lifecycle/notes.h"

enum {
	OBJECTS_MAX = 65536,
	FINDINGS_MAX = 512,
	FINDINGS_BYTES = 60000, /* of these: the reply fits into a frame */
	LABEL_MAX = 64,
	THUMBPRINT_LEN = 43,
};

struct object {
	uint8_t cka_id[CKA_ID_MAX];
	size_t cka_id_len;
	char label[LABEL_MAX + 1];
	char key_type[16];
	char kid[THUMBPRINT_LEN + 1]; /* empty: it does not tell its public half */
	bool is_public, is_secret, whole;
	bool marked; /* as a key that cekd makes */
};

struct inventory {
	struct object *objects;
	size_t n;
};

static bool marked(const Cek__Internal__V1__TokenObject *object)
{
	return strcmp(object->class_, "public") != 0 && object->cka_id.len == CKA_ID_LEN &&
		key_name_valid(object->label) && object->sensitive && !object->extractable && !object->signs;
}

int fsck_add(struct inventory **inventory, const JobResult *result)
{
	struct inventory *all = *inventory ? *inventory : calloc(1, sizeof(*all));
	struct object *grown;

	*inventory = all;
	if (!all || all->n + result->n_object > OBJECTS_MAX)
		return -ENOMEM;
	if (result->more && result->n_object == 0)
		return -EPROTO;
	grown = realloc(all->objects, (all->n + result->n_object + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	all->objects = grown;
	for (size_t i = 0; i < result->n_object; i++) {
		const Cek__Internal__V1__TokenObject *from = result->object[i];
		struct object *to = &grown[all->n++];

		*to = (struct object){.is_public = strcmp(from->class_, "public") == 0,
			.is_secret = strcmp(from->class_, "secret") == 0,
			.whole = from->whole,
			.marked = marked(from)};
		snprintf(to->key_type, sizeof(to->key_type), "%s", from->key_type);
		if (kid_valid(from->kid))
			snprintf(to->kid, sizeof(to->kid), "%s", from->kid);
		to->cka_id_len = from->cka_id.len <= CKA_ID_MAX ? from->cka_id.len : CKA_ID_MAX;
		if (to->cka_id_len > 0)
			memcpy(to->cka_id, from->cka_id.data, to->cka_id_len);
		snprintf(to->label, sizeof(to->label), "%s", text_valid(from->label, LABEL_MAX) ? from->label : "");
	}
	return 0;
}

struct inventory *inventory_free(struct inventory *inventory)
{
	if (inventory)
		free(inventory->objects);
	free(inventory);
	return NULL;
}

struct findings {
	Cek__V1__FsckReply *reply;
	struct arena *arena;
	size_t size;
	bool full;   /* from here on they are only counted */
	bool failed; /* no memory */
};

/* Only what is made in arena; the ring's own texts stay as long as the reply. */
static void *copy(struct findings *findings, const void *data, size_t len)
{
	uint8_t *to = arena_alloc(findings->arena, len + 1);

	if (to)
		memcpy(to, data, len);
	return to;
}

/* Put into the reply, if there is room. */
static void keep(struct findings *findings, Cek__V1__Finding *finding)
{
	Cek__V1__FsckReply *reply = findings->reply;

	findings->size += cek__v1__finding__get_packed_size(finding) + 4;
	findings->full = findings->size > FINDINGS_BYTES || reply->n_finding == FINDINGS_MAX;
	if (findings->full)
		reply->more++;
	else
		reply->finding[reply->n_finding++] = finding;
}

static void add(struct findings *findings, const char *kind, const char *key, const char *kid, const uint8_t *cka_id,
	size_t len, const char *what, const char *advice)
{
	Cek__V1__Finding *finding;

	if (findings->full) {
		findings->reply->more++;
		return;
	}
	finding = arena_alloc(findings->arena, sizeof(*finding));
	if (finding) {
		cek__v1__finding__init(finding);
		finding->kind = (char *)kind;
		finding->key = (char *)key;
		finding->kid = (char *)kid;
		finding->cka_id = (ProtobufCBinaryData){.data = copy(findings, cka_id, len), .len = len};
		finding->what = copy(findings, what, strlen(what));
		finding->advice = (char *)advice;
	}
	if (!finding || !finding->cka_id.data || !finding->what)
		findings->failed = true;
	else
		keep(findings, finding);
}

static bool has_id(const struct object *object, const uint8_t *cka_id, size_t len)
{
	return object->cka_id_len == len && memcmp(object->cka_id, cka_id, len) == 0;
}

/* Class, key type and public half belong to the name. An EC private key does not tell its public half. */
static bool is_of(const struct ring *ring, const struct object *object, const struct version *version)
{
	const enum alg_family family = version->key->alg->family;

	if (object->is_public || !has_id(object, version->cka_id, version->cka_id_len) ||
		(object->kid[0] != '\0' && ring_version(ring, object->kid) != version))
		return false;
	if (family == ALG_RSA_OAEP)
		return !object->is_secret && strcmp(object->key_type, "RSA") == 0;
	if (family == ALG_ECDH)
		return !object->is_secret && strncmp(object->key_type, "EC", 2) == 0;
	return object->is_secret && strcmp(object->key_type, "AES") == 0;
}

/* The version's object, a whole one if there is one, and how many others have its CKA_ID. */
static const struct object *find_object(const struct ring *ring, const struct inventory *inventory,
	const struct version *version, size_t *ret_others)
{
	const struct object *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < inventory->n; i++) {
		const struct object *object = &inventory->objects[i];

		n += !object->is_public && has_id(object, version->cka_id, version->cka_id_len);
		if (is_of(ring, object, version) && (!found || object->whole))
			found = object;
	}
	*ret_others = n - (found != NULL);
	return found;
}

/* The CKA_ID of an adopted key was chosen by others, who may use it again. */
static void add_destroyed(struct findings *findings, const struct version *version)
{
	const bool ours = version->provenance != PROVENANCE_ADOPTED;

	add(findings, "orphan", version->key->name, version->kid, version->cka_id, version->cka_id_len,
		ours ? "destroyed by the journal, but the object is there"
		     : "destroyed by the journal, but the token has an object with its CKA_ID",
		ours ? "the token was restored from a backup: delete the object with the token's own tools"
		     : "cekd did not make it: a token restored from a backup has the key again, otherwise it is "
		       "another program's; ask who made it");
}

static void add_twins(struct findings *findings, const struct version *version, size_t others)
{
	const char *waits = version->state == STATE_WAITING ? ": its destruction waits for that"
							    : ": this version is not used";
	char what[200];

	snprintf(what, sizeof(what), "%zu other key%s of the token ha%s the same CKA_ID%s%s", others, plural(others),
		others == 1 ? "s" : "ve", version->twins ? ", and nothing tells them apart" : "",
		version->twins ? waits : "");
	add(findings, "twin", version->key->name, version->kid, version->cka_id, version->cka_id_len, what,
		version->twins ? "find out with the token's own tools which is which, and give the others another one"
			       : "give the others another CKA_ID with the token's own tools: there are programs that "
				 "take one for the other");
}

static void look_at_version(struct broker *broker, const struct inventory *inventory, struct findings *findings,
	struct version *version)
{
	size_t others;
	const struct object *object = find_object(&broker->ring, inventory, version, &others);
	const char *key = version->key->name;

	if (version->state == STATE_DESTROYED) {
		if (object)
			add_destroyed(findings, version);
		return;
	}
	if (!object && ring_destruction_open(&broker->ring, version))
		return;
	if (!object)
		add(findings, "missing", key, version->kid, version->cka_id, version->cka_id_len,
			"the token has no object for this version",
			"restore the token from its backup: what was encrypted for this version needs it");
	else if (!object->whole)
		add(findings, "partial", key, version->kid, version->cka_id, version->cka_id_len,
			"the object has no value", "restore the token from its backup");
	if (others > 0)
		add_twins(findings, version, others);
	/* Of an EC key only its use tells whether it is the one. */
	if (object && (object->is_secret || object->kid[0] != '\0'))
		notes_mark(broker, version, false);
	else if (!object)
		notes_mark(broker, version, true);
}

/* That of a key that cekd itself was making: only then the object is cekd's. */
static const struct intent *find_intent(const struct ring *ring, const struct object *object)
{
	for (const struct link *link = ring->intents.next; link != &ring->intents; link = link->next) {
		const struct intent *intent = list_entry(link, struct intent, link);

		if (strcmp(intent->op, "adopt") != 0 && strcmp(intent->op, "destroy") != 0 &&
			intent->cka_id_len == object->cka_id_len &&
			memcmp(intent->cka_id, object->cka_id, object->cka_id_len) == 0)
			return intent;
	}
	return NULL;
}

size_t fsck_unknown_keys(const struct ring *ring, const struct inventory *inventory)
{
	size_t n = 0;

	for (size_t i = 0; i < inventory->n; i++) {
		const struct object *object = &inventory->objects[i];

		n += object->marked && !ring_object(ring, object->cka_id, object->cka_id_len) &&
			!find_intent(ring, object);
	}
	return n;
}

/* Adopted ones among them bear no mark of cekd. */
size_t fsck_foreign_keys(const struct ring *ring, const struct inventory *inventory)
{
	size_t n = 0;

	for (size_t i = 0; i < inventory->n; i++) {
		const struct object *object = &inventory->objects[i];

		n += !object->is_public && !ring_object(ring, object->cka_id, object->cka_id_len) &&
			!find_intent(ring, object);
	}
	return n;
}

/* What the journal has no version for. The public half is spoken of only if it is there alone. */
static bool has_private_half(const struct inventory *inventory, const struct object *object)
{
	for (size_t i = 0; i < inventory->n; i++) {
		const struct object *other = &inventory->objects[i];

		if (!other->is_public && has_id(other, object->cka_id, object->cka_id_len))
			return true;
	}
	return false;
}

static void look_at_object(struct broker *broker, const struct inventory *inventory, struct findings *findings,
	const struct object *object)
{
	const struct version *version = ring_object(&broker->ring, object->cka_id, object->cka_id_len);
	const struct intent *intent;
	char what[160];

	if ((version && (version->state != STATE_DESTROYED || is_of(&broker->ring, object, version))) ||
		(object->is_public && has_private_half(inventory, object)))
		return;
	intent = find_intent(&broker->ring, object);
	if (intent) {
		snprintf(what, sizeof(what), "left over by a %s of key %s that did not end%s", intent->op, intent->key,
			object->whole ? "" : "; it has no value");
		add(findings, object->whole ? "orphan" : "partial", intent->key, "", object->cka_id, object->cka_id_len,
			what, "nobody has used it: delete the object with the token's own tools");
		return;
	}
	snprintf(what, sizeof(what), "an object that this journal does not know, with the label \"%s\"", object->label);
	add(findings, object->whole ? "foreign" : "partial", "", "", object->cka_id, object->cka_id_len, what,
		ring_key(&broker->ring, object->label)
			? "it bears the name of a key of ours: if an old journal was restored, restore the youngest"
			: "it may be another program's: leave it, or adopt it with cekctl key adopt");
}

int fsck_findings(struct broker *broker, const struct inventory *inventory, struct arena *arena,
	Cek__V1__FsckReply *ret_reply)
{
	struct findings findings = {.reply = ret_reply, .arena = arena};

	ret_reply->finding = arena_alloc(arena, FINDINGS_MAX * sizeof(*ret_reply->finding));
	if (!ret_reply->finding || !inventory)
		return -ENOMEM;
	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		for (size_t j = 0; j < broker->ring.keys[i]->n_versions; j++)
			look_at_version(broker, inventory, &findings, broker->ring.keys[i]->versions[j]);
	}
	for (size_t i = 0; i < inventory->n; i++)
		look_at_object(broker, inventory, &findings, &inventory->objects[i]);
	return findings.failed ? -ENOMEM : 0;
}
