/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rulebook/rulebook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/parent/config/load.h"
#include "daemon/rulebook/open.h"

_Static_assert((int)RULEBOOK_TEXT >= (int)CONFIG_ERROR_MAX, "an error of the parser fits");

static int load(struct rulebook *book, char ret_error[RULEBOOK_TEXT])
{
	for (size_t i = 0; i < book->config->n_listeners; i++)
		book->listeners[i] = book->config->listeners[i].name;
	return policy_load(book->config->rules, book->config->n_rules, book->listeners, book->config->n_listeners,
		&book->policy, ret_error, RULEBOOK_TEXT);
}

/* The accounts of cekd's processes need not be on the machine where rules are looked at. */
static int parse(struct rulebook *book, const char *path, char ret_error[RULEBOOK_TEXT])
{
	FILE *file = fopen(path, "re");
	int r;

	if (file == NULL) {
		(void)snprintf(ret_error, RULEBOOK_TEXT, "%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	r = config_parse(file, path, false, &book->config, ret_error);
	(void)fclose(file);
	return r;
}

int rulebook_read(const char *path, struct rulebook **ret_book, char ret_error[RULEBOOK_TEXT])
{
	struct rulebook *book = calloc(1, sizeof(*book));
	int r = book != NULL ? parse(book, path, ret_error) : -ENOMEM;

	if (r == 0)
		r = load(book, ret_error);
	if (r < 0) {
		book = rulebook_free(book);
		return r;
	}
	*ret_book = book;
	return 0;
}

struct rulebook *rulebook_free(struct rulebook *book)
{
	if (book == NULL)
		return NULL;
	policy_deinit(&book->policy);
	book->config = config_free(book->config);
	free(book);
	return NULL;
}

size_t rulebook_n_listeners(const struct rulebook *book)
{
	return book->config->n_listeners;
}

struct rulebook_listener rulebook_listener(const struct rulebook *book, size_t i)
{
	const struct listener_wanted *listener = &book->config->listeners[i];

	return (struct rulebook_listener){.name = listener->name, .path = listener->path, .mode = listener->mode};
}

size_t rulebook_n_rules(const struct rulebook *book)
{
	return book->config->n_rules;
}

struct rulebook_rule rulebook_rule(const struct rulebook *book, size_t i)
{
	const Cek__Internal__V1__Rule *rule = book->config->rules[i];

	return (struct rulebook_rule){
		.name = rule->name,
		.listeners = rule->listener,
		.n_listeners = rule->n_listener,
		.uids = rule->uid,
		.n_uids = rule->n_uid,
		.gids = rule->gid,
		.n_gids = rule->n_gid,
		.anyone = rule->anyone,
		.operations = rule->operation,
		.n_operations = rule->n_operation,
		.keys = rule->key,
		.n_keys = rule->n_key,
	};
}
