/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cekd.conf as cekd would take it, for who asks about its rules: plain data, and the decisions of the broker's
 * policy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	RULEBOOK_TEXT = 1024, /* bytes of an error, a warning, a reason */
	RULEBOOK_OPERATIONS_MAX = 64,
};

struct rulebook;

/* Read the file. 0; -EINVAL with "FILE:LINE: what is wrong and what to do" in ret_error, as cekd says it; -ENOMEM. */
int rulebook_read(const char *path, struct rulebook **ret_book, char ret_error[RULEBOOK_TEXT]);

/* NULL-safe; returns NULL. */
struct rulebook *rulebook_free(struct rulebook *book);

/* What stands in it; lives as long as the book. */
struct rulebook_listener {
	const char *name;
	const char *path;
	mode_t mode;
};

struct rulebook_rule {
	const char *name;
	char *const *listeners; /* none: every one */
	size_t n_listeners;
	const uint32_t *uids;
	size_t n_uids;
	const uint32_t *gids;
	size_t n_gids;
	bool anyone;
	char *const *operations;
	size_t n_operations;
	char *const *keys; /* patterns */
	size_t n_keys;
};

size_t rulebook_n_listeners(const struct rulebook *book);
struct rulebook_listener rulebook_listener(const struct rulebook *book, size_t i);
size_t rulebook_n_rules(const struct rulebook *book);
struct rulebook_rule rulebook_rule(const struct rulebook *book, size_t i);

/* Call tell for each thing that cekd takes and that can hardly be meant: rules and patterns that never match or that
 * others cover, users that do not exist or cannot open the socket. rule: NULL if it is about none. */
void rulebook_warn(const struct rulebook *book, void (*tell)(void *owner, const char *rule, const char *text),
	void *owner);

struct rulebook_question {
	uid_t uid;
	const gid_t *gids; /* primary and supplementary */
	size_t n_gids;
	const char *operation; /* "": any */
	const char *key;       /* "": any */
	const char *listener;  /* "": the one where it is allowed, or else the first */
};

struct rulebook_answer {
	bool allowed;
	const char *rule;     /* that allows it, or comes nearest; NULL: there is none */
	const char *listener; /* that was looked at */
	char why[RULEBOOK_TEXT];
	const char *operations[RULEBOOK_OPERATIONS_MAX]; /* allowed there on the key, or on any */
	size_t n_operations;
};

/* 0; -EINVAL for an operation, a key name or a listener that is none, with why in ret_error. */
int rulebook_explain(const struct rulebook *book, const struct rulebook_question *question,
	struct rulebook_answer *ret_answer, char ret_error[RULEBOOK_TEXT]);
