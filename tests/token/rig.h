/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of cekd-token stand on: a fresh token of SoftHSM or NSS in a folder of its own, the real cekd-token
 * over socket pairs, and this process's own PKCS#11 session beside it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <p11-kit/pkcs11.h>

#include "daemon/shared/executing.h"
#include "internal.pb-c.h"

struct rig {
	bool nss;
	char dir[64];
	char module[256], uri[128], init_reserved[200], environment[3][300];
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session; /* logged in, read-write */
};

struct CMUnitTest;

/* From main(): the kind of token, the path of cekd-token, and which of the n tests alone shall run (and how many the
 * caller believes there are), so that long ones run side by side. */
void rig_arguments(int argc, char **argv, const struct CMUnitTest *tests, size_t n);
const char *rig_kind(void);

/* kind is "softhsm" or "nss". Fails the test if anything does. */
void rig_open(struct rig *rig, const char *kind);
void rig_close(struct rig *rig);

/* Let workers load the shim at path instead, with its page (shim.h). This process keeps the real module. */
void rig_use_shim(struct rig *rig, const char *path, const char *page);

struct rig_worker {
	pid_t pid;
	int control, jobs;
	struct rig_pins *pins; /* hands the PIN file out */
	uint64_t next_id;
	const struct executing *executing; /* the page that it writes */
	Cek__Internal__V1__FromWorker *hello;
	Cek__Internal__V1__FromWorker *news;    /* the last that came */
	Cek__Internal__V1__FromWorker *several; /* results that came together, of which these are still to be taken: */
	size_t n_taken;
};

struct rig_options {
	bool manage, copy_keys;
	const char *pin; /* instead of the right one */
	const char *uri; /* instead of the right one */
	unsigned call_seconds;
	uint64_t memory_limit;
	const char *module;
	int test_page; /* descriptor of the page of daemon/shared/testhook.h, 0 = none; the caller's to close */
};

/* Start a worker and wait for its hello. If it fails instead, hello is NULL and *ret_failing (if wanted) is what it
 * told its parent; free it with cek__internal__v1__control__free_unpacked(). */
void rig_start(struct rig *rig, struct rig_worker *worker, const struct rig_options *options,
	Cek__Internal__V1__Control **ret_failing);

/* What the worker says to its parent; NULL at the end. Free it like ret_failing. */
Cek__Internal__V1__Control *rig_control(struct rig_worker *worker);

/* Close the worker's sockets, wait for it. Returns its exit status as waitpid(2) gives it. */
int rig_stop(struct rig_worker *worker);

/* Send without waiting; the id is filled in. */
void rig_send(struct rig_worker *worker, Cek__Internal__V1__Job *job);

/* Wait for news; false when the worker has gone, or none comes in two minutes. No result may be on its way. */
bool rig_wait_for_news(struct rig_worker *worker);

/* The next result, also of those that came together; NULL when the worker has gone. Free it with rig_free(). */
Cek__Internal__V1__FromWorker *rig_receive(struct rig_worker *worker);

/* Send and receive, checking the id. */
Cek__Internal__V1__FromWorker *rig_call(struct rig_worker *worker, Cek__Internal__V1__Job *job);
void rig_free(Cek__Internal__V1__FromWorker *message);

/* Create a token object in this process's session. */
CK_OBJECT_HANDLE rig_create(struct rig *rig, CK_ATTRIBUTE *attributes, CK_ULONG n);

/* The public half that rig_create_ec() made last. */
CK_OBJECT_HANDLE rig_last_public(void);

/* Private or secret keys that cekd could have made, from published values. Return the private half's handle. */
CK_OBJECT_HANDLE rig_create_aes(struct rig *rig, const uint8_t *id, const uint8_t *key, size_t len);
CK_OBJECT_HANDLE rig_create_rsa(struct rig *rig, const uint8_t *id,
	const ProtobufCBinaryData part[8]); /* n e d p q dp dq qi */
CK_OBJECT_HANDLE rig_create_ec(struct rig *rig, const uint8_t *id, const char *crv, const uint8_t *d, size_t d_len,
	const uint8_t *x, const uint8_t *y, size_t len);
