/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon that went mad may send: the first octet says what the callbacks do, the others are its side of the
 * stream, on a real socket, while one call of each kind is open. Each of them ends exactly once.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/cek.h"
#include "client/jose/cek-jose.h"

enum { CANCEL = 1, FREE = 2, KEEP = 4, HALF = 8 };
enum { CALLS = 11, TURNS_MAX = 1000 };

struct open_call {
	cek_call *call;
	unsigned ended;
	bool watch;
};

static char folder[] = "/tmp/fuzz-reply-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int listener;

static cek_conn *conn;
static struct open_call calls[CALLS];
static cek_result *kept;
static uint8_t mode;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void leave(void)
{
	unlink(address.sun_path);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (!mkdtemp(folder))
		abort();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
		abort();
	atexit(leave);
	return 0;
}

/* ---- everything that a result holds can be read: a sanitizer watches ----------------------------------------------
 */

static size_t sum;

static void read_text(const char *text)
{
	if (text)
		sum += strlen(text);
}

static void read_bytes(struct cek_bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		sum += ((const uint8_t *)bytes.data)[i];
}

static void read_public_key(const struct cek_public_key *key)
{
	read_text(key->kty);
	read_text(key->crv);
	read_bytes(key->n);
	read_bytes(key->e);
	read_bytes(key->x);
	read_bytes(key->y);
}

static void read_version(const struct cek_version *version)
{
	read_text(version->kid);
	read_text(version->provenance);
	read_text(version->note);
	read_text(cek_state_name(version->state));
	read_bytes(version->cka_id);
	read_public_key(&version->public_key);
	for (size_t i = 0; i < version->n_aliases; i++)
		read_text(version->aliases[i]);
	for (size_t i = 0; i < version->n_peers; i++)
		read_text(version->peers[i]->peer);
}

static void read_key(const struct cek_key *key)
{
	read_text(key->name);
	read_text(key->alg);
	read_text(key->crv);
	read_text(key->operations);
	for (size_t i = 0; i < key->n_versions; i++)
		read_version(key->versions[i]);
	for (size_t i = 0; i < key->n_plan; i++) {
		read_text(key->plan[i]->what);
		read_text(key->plan[i]->kid);
		read_text(key->plan[i]->why);
	}
}

static void read_daemon(const struct cek_daemon *daemon)
{
	const char *texts[] = {daemon->version, daemon->why_not_ready, daemon->token_label, daemon->token_serial,
		daemon->token_model, daemon->module, daemon->journal, daemon->audit, daemon->sandbox};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		read_text(texts[i]);
	for (size_t i = 0; i < daemon->n_algs; i++) {
		read_text(daemon->algs[i]->alg);
		read_text(daemon->algs[i]->how);
	}
	for (size_t i = 0; i < daemon->n_workers; i++) {
		read_text(daemon->workers[i]->kind);
		read_text(daemon->workers[i]->state);
	}
	for (size_t i = 0; i < daemon->n_warnings; i++)
		read_text(daemon->warnings[i]);
}

static void read_jwks(struct cek_bytes reply)
{
	struct cek_jwe_error error;
	cek_jwks *jwks = NULL;
	char *json = NULL;

	if (cek_jwks_from_reply(reply.data, reply.len, &jwks, &error) == CEK_JWE_OK &&
		cek_jwks_write(jwks, true, &json, &error) == CEK_JWE_OK)
		read_text(json);
	free(json);
	cek_jwks_free(jwks);
}

static void read_result(const cek_result *result)
{
	struct cek_alg_params params = cek_result_params(result);
	const struct cek_public_key_entry *entry;
	const struct cek_key *key;

	read_text(cek_result_message(result));
	read_text(cek_result_kid(result));
	read_text(cek_result_key(result));
	read_text(cek_result_alg(result));
	read_bytes(cek_result_cek(result));
	read_bytes(cek_result_encrypted_key(result));
	read_bytes(cek_result_reply(result));
	read_public_key(&params.epk);
	read_bytes(params.apu);
	read_bytes(params.tag);
	for (size_t i = 0; (key = cek_result_key_info(result, i)); i++)
		read_key(key);
	for (size_t i = 0; (entry = cek_result_public_key(result, i)); i++)
		read_public_key(&entry->public_key);
	if (cek_result_public_key(result, 0))
		read_jwks(cek_result_reply(result));
	if (cek_result_daemon(result))
		read_daemon(cek_result_daemon(result));
	if (cek_result_status(result) == CEK_OK && cek_result_cek(result).len > 64)
		abort();
}

/* ---- calls --------------------------------------------------------------------------------------------------------
 */

static void answered(cek_call *call, cek_result *result, void *userdata)
{
	struct open_call *open = userdata;

	if (open->ended > 0 || (open->call && open->call != call))
		abort();
	if (!open->watch || cek_result_status(result) != CEK_OK)
		open->ended++;
	read_result(result);
	if ((mode & KEEP) && !kept)
		kept = cek_result_keep(result);
	if (mode & CANCEL)
		for (size_t i = 0; i < CALLS; i++)
			if (!calls[i].ended && &calls[i] != open)
				cek_call_cancel(calls[i].call);
	if (mode & FREE)
		conn = cek_conn_free(conn);
	if (conn && cek_conn_process(conn) > CALLS)
		abort();
}

static int start(size_t i, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	const struct cek_unwrap unwrap = {.kid = "kid", .alg = "A256KW", .enc = "A256GCM"};
	static const char request[] = "\xc2\x02"; /* status, an empty message */

	switch (i) {
	case 0:
		return cek_unwrap_start(conn, &unwrap, 60000, callback, userdata, ret_call);
	case 1:
		return cek_wrap_start(conn, &(struct cek_wrap){"key", "A128GCM", {"0123456789abcdef", 16}}, -1,
			callback, userdata, ret_call);
	case 2:
		return cek_wrap_start(conn, &(struct cek_wrap){"key", "A256GCM"}, -1, callback, userdata, ret_call);
	case 3:
		return cek_rewrap_start(conn, &(struct cek_rewrap){.from = unwrap}, -1, callback, userdata, ret_call);
	case 4:
		return cek_key_describe_start(conn, &(struct cek_key_describe){.key = "key"}, -1, callback, userdata,
			ret_call);
	case 5:
		return cek_key_list_start(conn, &(struct cek_key_list){0}, -1, callback, userdata, ret_call);
	case 6:
		return cek_public_keys_start(conn, &(struct cek_public_keys){0}, -1, callback, userdata, ret_call);
	case 7:
		return cek_status_start(conn, -1, callback, userdata, ret_call);
	case 8:
		return cek_request_start(conn, request, 3, -1, callback, userdata, ret_call);
	default:
		calls[i].watch = true;
		return cek_watch_start(conn, callback, userdata, ret_call);
	}
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN || !conn || cek_conn_process(conn) == 0) {
			return;
		}
	}
}

/* What changes nothing is asked once more, on a connection that ends at once, and some milliseconds later: too long to
 * wait for after each input. Then the end of the connection has to end them. */
static bool wait_for_the_next(size_t size, unsigned turn)
{
	struct pollfd waits[] = {{.fd = listener, .events = POLLIN}, {.fd = cek_conn_fd(conn), .events = POLLIN}};

	if (size % 32 != 1)
		return false;
	if (turn == TURNS_MAX)
		abort(); /* both streams have ended: so must the calls */
	if (poll(waits, 2, 50) > 0 && waits[0].revents)
		close(accept(listener, NULL, NULL));
	return true;
}

/* A connection that was made anew and is not wanted: the next input's is the first again. */
static void drop_others(void)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (size == 0 || cek_conn_new(address.sun_path, &conn) != CEK_OK)
		return 0;
	mode = data[0];
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; i < CALLS; i++)
		if (start(i, answered, &calls[i], &calls[i].call) != CEK_OK)
			abort();
	if (cek_conn_process(conn) != CALLS)
		abort();
	fd = accept(listener, NULL, NULL);
	send_all(fd, data + 1, size - 1);
	if (mode & HALF)
		shutdown(fd, SHUT_WR);
	else
		close(fd);
	for (unsigned turn = 0; conn && cek_conn_process(conn) > 0; turn++)
		if (!wait_for_the_next(size, turn))
			break;
	conn = cek_conn_free(conn);
	drop_others();
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].ended != 1)
			abort();
	if (kept)
		read_result(kept); /* it outlives the connection */
	kept = cek_result_free(kept);
	if (mode & HALF)
		close(fd);
	return 0;
}
