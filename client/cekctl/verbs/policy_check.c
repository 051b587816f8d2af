/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl policy check: a cekd.conf as cekd would take it, and what of its rules can hardly be meant. Asks no daemon. */
#ifndef POLICY_ABSENT

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/plural.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/verbs/verbs.h"
#include "daemon/rulebook/rulebook.h"

enum { LINE = 4096 };

static const char *user_name(uint32_t uid, char text[64])
{
	const struct passwd *user = getpwuid(uid);

	snprintf(text, 64, user ? "%.50s" : "%.0s%u", user ? user->pw_name : "", uid);
	return text;
}

static const char *group_name(uint32_t gid, char text[64])
{
	const struct group *group = getgrgid(gid);

	snprintf(text, 64, group ? "%.50s" : "%.0s%u", group ? group->gr_name : "", gid);
	return text;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *texts(char *const *text, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, output_string(text[i]));
	return array;
}

static json_t *names(const uint32_t *ids, size_t n, const char *(*name)(uint32_t id, char text[64]))
{
	json_t *array = json_array();
	char text[64];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, output_string(name(ids[i], text)));
	return array;
}

static json_t *rules_json(const struct rulebook *book)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rulebook_n_rules(book); i++) {
		const struct rulebook_rule rule = rulebook_rule(book, i);

		json_array_append_new(array,
			json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "name", output_string(rule.name), "listeners",
				texts(rule.listeners, rule.n_listeners), "users",
				names(rule.uids, rule.n_uids, user_name), "groups",
				names(rule.gids, rule.n_gids, group_name), "anyone", rule.anyone, "operations",
				texts(rule.operations, rule.n_operations), "keys", texts(rule.keys, rule.n_keys)));
	}
	return array;
}

static json_t *listeners_json(const struct rulebook *book)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rulebook_n_listeners(book); i++) {
		const struct rulebook_listener listener = rulebook_listener(book, i);

		json_array_append_new(array,
			json_pack("{s:o, s:o, s:o}", "name", output_string(listener.name), "path",
				output_string(listener.path), "mode", json_sprintf("%04o", (unsigned)listener.mode)));
	}
	return array;
}

static void keep_warning(void *owner, const char *rule, const char *text)
{
	json_t *warning = json_object();

	output_set_text(warning, "rule", rule ? rule : "");
	output_set_text(warning, "text", text);
	json_array_append_new(owner, warning);
}

static json_t *to_json(const struct rulebook *book, const char *path)
{
	json_t *warnings = json_array();

	rulebook_warn(book, keep_warning, warnings);
	return json_pack("{s:o, s:o, s:o, s:o}", "file", output_string(path), "listeners", listeners_json(book),
		"rules", rules_json(book), "warnings", warnings);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

static void append(char line[LINE], const char *word, const char *between)
{
	size_t len = strlen(line);

	snprintf(line + len, LINE - len, "%s%s", len > 0 ? between : "", word);
}

static void print_rule(const struct rulebook_rule *rule)
{
	char line[LINE] = "", name[64];

	output_field("rule", rule->name);
	for (size_t i = 0; i < rule->n_listeners; i++)
		append(line, rule->listeners[i], ", ");
	output_field("  at", rule->n_listeners > 0 ? line : "every listener");
	line[0] = '\0';
	if (rule->anyone)
		append(line, "everybody", ", ");
	for (size_t i = 0; i < rule->n_uids; i++)
		append(line, user_name(rule->uids[i], name), ", ");
	for (size_t i = 0; i < rule->n_gids; i++) {
		append(line, "group ", ", ");
		append(line, group_name(rule->gids[i], name), "");
	}
	output_field("  to", line);
	line[0] = '\0';
	for (size_t i = 0; i < rule->n_operations; i++)
		append(line, rule->operations[i], " ");
	output_field("  grants", line);
	line[0] = '\0';
	for (size_t i = 0; i < rule->n_keys; i++)
		append(line, rule->keys[i], ", ");
	output_field("  on keys", line);
}

static void print_warning(void *owner, const char *rule, const char *text)
{
	size_t *n = owner;
	char line[LINE];

	++*n;
	if (rule)
		snprintf(line, sizeof(line), "rule \"%s\": %s", rule, text);
	else
		snprintf(line, sizeof(line), "%s", text);
	output_field("WARNING", line);
}

static void print(const struct rulebook *book, const char *path)
{
	size_t warnings = 0;

	for (size_t i = 0; i < rulebook_n_listeners(book); i++) {
		const struct rulebook_listener listener = rulebook_listener(book, i);
		char line[LINE];

		snprintf(line, sizeof(line), "%s, %s, mode %04o", listener.name, listener.path,
			(unsigned)listener.mode);
		output_field("listener", line);
	}
	for (size_t i = 0; i < rulebook_n_rules(book); i++) {
		const struct rulebook_rule rule = rulebook_rule(book, i);

		print_rule(&rule);
	}
	rulebook_warn(book, print_warning, &warnings);
	output_text(path);
	printf(": cekd takes it; %zu warning%s\n", warnings, plural((uint64_t)warnings));
}

int verb_policy_check(struct ctl *ctl, int argc, char **argv)
{
	char error[RULEBOOK_TEXT] = "out of memory";
	struct rulebook *book;
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (rulebook_read(words[0], &book, error) < 0)
		return ctl_fail(ctl, "%s", error);
	if (ctl->json)
		r = output_json(ctl, to_json(book, words[0]));
	else
		print(book, words[0]);
	rulebook_free(book);
	return r;
}

#else /* built without cekd: there is no parser of its configuration, but a daemon may answer */

#include "client/cekctl/console/args.h"
#include "client/cekctl/verbs/verbs.h"

int verb_policy_check(struct ctl *ctl, int argc, char **argv)
{
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 1, 1, &words);

	return r != ARGS_GO ? args_exit(r)
			    : ctl_fail(ctl, "this cekctl was built without cekd, and reads no cekd.conf");
}

#endif
