/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one PKCS#11 session of a worker: module, slot, login. The slot is found by what the URI says of the token (label,
 * serial, …), never by its number. Nothing here is closed before the end: closing the last session logs out and drops
 * all handles.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

struct executing;

struct session_config {
	const char *module;          /* path of the PKCS#11 library; NULL or empty: module-path of the URI */
	const char *uri;             /* RFC 7512 */
	const char *init_reserved;   /* CK_C_INITIALIZE_ARGS.pReserved; empty = NULL */
	struct executing *executing; /* told of each login; NULL: nobody looks */
	bool spare;                  /* its end inside of a login can ruin the token's files (orphan.h) */
	/* Before each login: the descriptor of the PIN file, to be closed, or -errno (-EPERM: none may be tried). And
	 * after it, unless the PIN was refused: then nobody shall try it, and this worker ends. NULL: the PIN has
	 * length 0. */
	int (*begin_login)(void *owner);
	void (*end_login)(void *owner);
	void *owner;
};

/* Positive results, with a sentence in session->why that says what to do. */
enum session_result {
	SESSION_OK,
	SESSION_CONFIGURATION, /* no such module or token, an unusable URI */
	SESSION_PIN,           /* the PIN is wrong, locked or missing: no further try without an operator */
	SESSION_TOKEN,         /* the token does not answer */
};

struct session {
	struct session_config config;
	P11KitUri *uri;
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE handle;
	bool touched; /* since the caller set it back, a ciphertext was given to the token: errors may be about that */
	char label[33], serial[17], model[17]; /* of the token, without padding */
	char module[80];                       /* the library's own description and version */
	char why[400];
};

/* Load the module, find the token, open a session and log in. config and what it points to must stay. */
enum session_result session_open(struct session *session, const struct session_config *config);

/* All of that before there is a session: load the module, find the token, see whether its PIN is locked or nearly so.
 * No login: that would be a try of the PIN. */
enum session_result session_look(struct session *session, const struct session_config *config);

/* C_Finalize, then all of session_open() but the loading. All handles are void afterwards. */
enum session_result session_reopen(struct session *session);

/* Log in (again) in the open session. */
enum session_result session_login(struct session *session);

/* C_Finalize. The caller ends with _exit(2): SoftHSM and OpenSSL disagree at exit(3). */
void session_close(struct session *session);
