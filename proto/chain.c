/* SPDX-License-Identifier: Apache-2.0 */
/* chain.h */
#include "chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "proto/depth.h"

enum {
	HASH_LEN = CHAIN_HEX / 2,
	READ_AHEAD = 65536,
	BUFFER_SIZE = CHAIN_LINE_MAX + READ_AHEAD,
};

struct chain_hasher {
	EVP_MD *md; /* fetched once: an implicit fetch costs more than the hash of a line */
	EVP_MD_CTX *context;
};

struct chain_head chain_start(void)
{
	struct chain_head head = {.seq = 0};

	memset(head.hash, '0', CHAIN_HEX);
	return head;
}

bool chain_hash_valid(const char *text)
{
	return strnlen(text, CHAIN_HEX + 1) == CHAIN_HEX && strspn(text, "0123456789abcdef") == CHAIN_HEX;
}

int chain_head_parse(const char *text, struct chain_head *ret_head)
{
	struct chain_head head;
	char *end;

	if (*text < '0' || *text > '9' || (text[0] == '0' && text[1] != ':'))
		return -EINVAL;
	errno = 0;
	head.seq = strtoull(text, &end, 10);
	if (errno || *end != ':' || !chain_hash_valid(end + 1))
		return -EINVAL;
	memcpy(head.hash, end + 1, sizeof(head.hash));
	*ret_head = head;
	return 0;
}

int chain_hasher_new(struct chain_hasher **ret_hasher)
{
	struct chain_hasher *hasher = calloc(1, sizeof(*hasher));

	if (!hasher)
		return -ENOMEM;
	hasher->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	if (!hasher->md || !hasher->context || EVP_DigestInit_ex2(hasher->context, hasher->md, NULL) != 1) {
		ERR_clear_error();
		chain_hasher_free(hasher);
		return -ENOMEM;
	}
	*ret_hasher = hasher;
	return 0;
}

struct chain_hasher *chain_hasher_free(struct chain_hasher *hasher)
{
	if (hasher) {
		EVP_MD_CTX_free(hasher->context);
		EVP_MD_free(hasher->md);
		free(hasher);
	}
	return NULL;
}

int chain_hash(struct chain_hasher *hasher, const void *data, size_t len, char ret_hash[CHAIN_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[HASH_LEN];

	/* md NULL: the same algorithm again, without looking it up. */
	if (EVP_DigestInit_ex2(hasher->context, NULL, NULL) != 1 || EVP_DigestUpdate(hasher->context, data, len) != 1 ||
		EVP_DigestFinal_ex(hasher->context, hash, NULL) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	for (size_t i = 0; i < HASH_LEN; i++) {
		ret_hash[2 * i] = digits[hash[i] >> 4];
		ret_hash[2 * i + 1] = digits[hash[i] & 15];
	}
	ret_hash[CHAIN_HEX] = 0;
	return 0;
}

json_t *chain_line_parse(const char *line, size_t len, char why[CHAIN_WHY_MAX])
{
	json_error_t error;
	json_t *object;

	if (!json_depth_within(line, len, CHAIN_DEPTH_MAX)) {
		snprintf(why, CHAIN_WHY_MAX, "more than %d arrays and objects inside each other", CHAIN_DEPTH_MAX);
		return NULL;
	}
	object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!object) {
		snprintf(why, CHAIN_WHY_MAX, "not a JSON object: %s", error.text);
		return NULL;
	}
	if (!json_is_object(object)) {
		json_decref(object);
		snprintf(why, CHAIN_WHY_MAX, "not a JSON object");
		return NULL;
	}
	return object;
}

static bool link_good(const json_t *object, const struct chain_head *before, char why[CHAIN_WHY_MAX])
{
	const json_t *seq = json_object_get(object, "seq");
	const char *prev = json_string_value(json_object_get(object, "prev"));

	if (!json_is_integer(seq)) {
		snprintf(why, CHAIN_WHY_MAX, "no seq");
		return false;
	}
	if (json_integer_value(seq) < 1 || (uint64_t)json_integer_value(seq) != before->seq + 1) {
		snprintf(why, CHAIN_WHY_MAX, "seq is %" JSON_INTEGER_FORMAT ", should be %" PRIu64,
			json_integer_value(seq), before->seq + 1);
		return false;
	}
	if (!prev) {
		snprintf(why, CHAIN_WHY_MAX, "no prev");
		return false;
	}
	if (strcmp(prev, before->hash) != 0) {
		snprintf(why, CHAIN_WHY_MAX, "prev is not the hash of the line before, which is %s", before->hash);
		return false;
	}
	return true;
}

struct verification {
	struct chain_hasher *hasher;
	const struct chain_head *expected;
	bool met; /* the expected head */
	chain_line_fn *line;
	void *userdata;
	struct chain_result result;
};

static void meet_expected(struct verification *v)
{
	if (v->met || !v->expected || v->expected->seq != v->result.head.seq)
		return;
	v->met = true;
	if (strcmp(v->expected->hash, v->result.head.hash) != 0) {
		v->result.fault = CHAIN_BAD_HEAD;
		snprintf(v->result.why, CHAIN_WHY_MAX,
			"seq %" PRIu64 " has another hash than the head kept elsewhere: the journal was replaced",
			v->expected->seq);
	}
}

static void set_bad_line(struct verification *v)
{
	v->result.fault = CHAIN_BAD_LINE;
	v->result.bad_line = v->result.lines + 1;
}

static void set_too_long(struct verification *v)
{
	set_bad_line(v);
	snprintf(v->result.why, CHAIN_WHY_MAX, "longer than %d bytes", CHAIN_LINE_MAX);
}

/* One whole line. Sets result.fault if it is bad; -errno as chain_verify(). */
static int verify_line(struct verification *v, const char *line, size_t len)
{
	struct chain_head head = {.seq = v->result.head.seq + 1};
	json_t *object;
	bool more;
	int r;

	if (len > CHAIN_LINE_MAX) {
		set_too_long(v);
		return 0;
	}
	object = chain_line_parse(line, len, v->result.why);
	if (!object || !link_good(object, &v->result.head, v->result.why)) {
		json_decref(object);
		set_bad_line(v);
		return 0;
	}
	r = chain_hash(v->hasher, line, len, head.hash);
	if (r == 0 && v->line)
		r = v->line(v->userdata, object, &head);
	more = json_is_true(json_object_get(object, "more"));
	json_decref(object);
	if (r < 0)
		return r;
	v->result.lines++;
	v->result.bytes += len + 1;
	v->result.head = head;
	if (!more) {
		v->result.whole = head;
		v->result.whole_bytes = v->result.bytes;
	}
	meet_expected(v);
	return 0;
}

/* The whole lines of a buffer. Returns the bytes that they take, or -errno. */
static ssize_t verify_buffer(struct verification *v, const char *buffer, size_t len)
{
	size_t done = 0;
	int r;

	while (v->result.fault == CHAIN_GOOD) {
		const char *end = memchr(buffer + done, '\n', len - done);

		if (!end)
			break;
		r = verify_line(v, buffer + done, (size_t)(end - buffer) - done);
		if (r < 0)
			return r;
		done = (size_t)(end - buffer) + 1;
	}
	return (ssize_t)done;
}

static int verify_stream(struct verification *v, int fd, char *buffer)
{
	size_t filled = 0;

	while (v->result.fault == CHAIN_GOOD) {
		ssize_t n = read(fd, buffer + filled, BUFFER_SIZE - filled);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		filled += (size_t)n;
		n = verify_buffer(v, buffer, filled);
		if (n < 0)
			return (int)n;
		filled -= (size_t)n;
		memmove(buffer, buffer + n, filled);
		if (v->result.fault == CHAIN_GOOD && filled > CHAIN_LINE_MAX)
			set_too_long(v);
	}
	v->result.torn = v->result.fault == CHAIN_GOOD && (filled > 0 || v->result.whole_bytes < v->result.bytes);
	return 0;
}

int chain_verify(int fd, const struct chain_head *from, const struct chain_head *expected, chain_line_fn *line,
	void *userdata, struct chain_result *ret_result)
{
	struct verification v = {
		.expected = expected,
		.line = line,
		.userdata = userdata,
		.result = {.head = from ? *from : chain_start()},
	};
	const struct chain_head first = v.result.head;
	char *buffer;
	int r;

	v.result.whole = first;
	buffer = malloc(BUFFER_SIZE);
	if (!buffer)
		return -ENOMEM;
	r = chain_hasher_new(&v.hasher);
	if (r == 0) {
		meet_expected(&v);
		r = verify_stream(&v, fd, buffer);
	}
	chain_hasher_free(v.hasher);
	free(buffer);
	if (r != 0)
		return r;
	if (v.result.fault == CHAIN_GOOD && expected && !v.met && expected->seq > first.seq) {
		v.result.fault = CHAIN_BAD_HEAD;
		snprintf(v.result.why, CHAIN_WHY_MAX,
			"ends at seq %" PRIu64 ", but the head kept elsewhere is seq %" PRIu64 ": the end was cut off",
			v.result.head.seq, expected->seq);
	}
	*ret_result = v.result;
	return 0;
}
