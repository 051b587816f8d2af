/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's event loop: opens the tokens on standard input, one a line, many at a time, and prints for each its
 * number, the HTTP status of the answer and the signed JWT. Usage: jwe_loop < TOKENS
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cek-jose.h>

enum { OPEN_AT_ONCE = 256, TIMEOUT_MS = 2000 };

struct gateway {
	cek_conn *conn;
	struct cek_jwe_policy policy;
	int timeout; /* until cek_conn_process() has to be called */
	unsigned started, open;
	char input[65536]; /* what has been read of the tokens */
	size_t len;
	bool end;
};

struct question {
	struct gateway *gateway;
	unsigned number;
};

static const char *const algs[] = {"RSA-OAEP-256", "ECDH-ES+A256KW", NULL};
static const char *const encs[] = {"A256GCM", "A128CBC-HS256", NULL};

static int http_status(const struct cek_jwe_error *error)
{
	if (error->temporary) /* with Retry-After: 1 */
		return 503;
	switch (error->code) {
	case CEK_JWE_OK:
		return 200;
	case CEK_JWE_DENIED:      /* not the sender's fault: a rule is missing, */
	case CEK_JWE_UNAVAILABLE: /* or cekd has a fault */
		return 500;
	default: /* what came, and one answer for all of it; with WWW-Authenticate: Bearer error="invalid_token" */
		return 401;
	}
}

/* The end of each token, whatever came of it. The details are for a log, never for the sender. */
static void answer(struct question *question, cek_jwe *jwe, const struct cek_jwe_error *error)
{
	struct cek_bytes jwt = {.data = ""};

	if (jwe)
		jwt = cek_jwe_plaintext(jwe); /* now check its signature and claims: they make it 401 or 403 */
	printf("%u %d %.*s\n", question->number, http_status(error), (int)jwt.len, (const char *)jwt.data);
	if (!jwe)
		fprintf(stderr, "%u %s %s\n", question->number, cek_jwe_code_name(error->code), error->details);
	question->gateway->open--;
	cek_jwe_free(jwe);
	free(question);
}

static void opened(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	answer(userdata, jwe, error);
}

static void begin(struct gateway *gateway, const char *token, size_t len)
{
	struct question *question = malloc(sizeof(*question));
	struct cek_jwe_error error;

	if (!question)
		exit(1);
	*question = (struct question){gateway, ++gateway->started};
	gateway->open++;
	/* Done means that opened() will run, but not before this function has returned: policy.deferred. */
	if (cek_jwe_decrypt_start(gateway->conn, &gateway->policy, token, len, TIMEOUT_MS, opened, question, NULL,
		    &error) != CEK_JWE_OK)
		answer(question, NULL, &error);
}

static void read_tokens(struct gateway *gateway)
{
	ssize_t n = read(STDIN_FILENO, gateway->input + gateway->len, sizeof(gateway->input) - gateway->len);
	char *token = gateway->input, *end;

	gateway->end = n <= 0; /* also when a line is longer than the room for it */
	gateway->len += n > 0 ? (size_t)n : 0;
	while ((end = memchr(token, '\n', gateway->len))) {
		begin(gateway, token, (size_t)(end - token));
		gateway->len -= (size_t)(end + 1 - token);
		token = end + 1;
	}
	memmove(gateway->input, token, gateway->len);
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void plan(struct gateway *gateway)
{
	gateway->timeout = cek_conn_timeout(gateway->conn);
	if (gateway->policy.cache)
		gateway->timeout = sooner(gateway->timeout, cek_jwe_cache_expire(gateway->policy.cache));
}

/* Something was started, wherever in the program: the next cek_conn_process() sends it. */
static void wake(cek_conn *conn, void *userdata)
{
	struct gateway *gateway = userdata;

	(void)conn;
	gateway->timeout = 0;
}

static void serve(struct gateway *gateway)
{
	struct pollfd fds[2] = {{.events = POLLIN}, {.fd = cek_conn_fd(gateway->conn), .events = POLLIN}};

	while (!gateway->end || gateway->open > 0) {
		/* What cannot be worked on is not read: the sender waits. */
		fds[0].fd = gateway->end || gateway->open >= OPEN_AT_ONCE ? -1 : STDIN_FILENO;
		poll(fds, 2, gateway->timeout);
		cek_conn_process(gateway->conn);
		plan(gateway);
		if (fds[0].fd >= 0 && fds[0].revents)
			read_tokens(gateway);
	}
}

int main(void)
{
	static struct gateway gateway = {
		.policy = {.algs = algs, .encs = encs, .key = "api-tokens", .deferred = true},
	};

	if (cek_conn_new(NULL, &gateway.conn) != CEK_OK)
		return 2;
	cek_conn_set_wakeup(gateway.conn, wake, &gateway);
	/* Without a cache, if there is no memory for one. Its watch needs the operation "watch". */
	cek_jwe_cache_new(gateway.conn, 1000, 60, &gateway.policy.cache);
	serve(&gateway);
	cek_jwe_cache_free(gateway.policy.cache);
	cek_conn_free(gateway.conn);
	return 0;
}
