/* SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void case_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static void read_hex(const char *hex, struct bytes *out)
{
	unsigned byte;

	out->len = 0;
	for (; out->len < CASE_BYTES && sscanf(hex + 2 * out->len, "%2x", &byte) == 1; out->len++)
		out->data[out->len] = (uint8_t)byte;
}

static void take(struct bench_case *c, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *text;
		size_t size;
		struct bytes *bytes;
	} fields[] = {
		{"alg", c->alg, sizeof(c->alg), NULL},
		{"enc", c->enc, sizeof(c->enc), NULL},
		{"kid", c->kid, sizeof(c->kid), NULL},
		{"key", c->key, sizeof(c->key), NULL},
		{"crv", c->crv, sizeof(c->crv), NULL},
		{"module", c->module, sizeof(c->module), NULL},
		{"pin_file", c->pin_file, sizeof(c->pin_file), NULL},
		{"token_file", c->token_file, sizeof(c->token_file), NULL},
		{"cka_id", NULL, 0, &c->cka_id},
		{"cek", NULL, 0, &c->cek},
		{"encrypted_key", NULL, 0, &c->encrypted_key},
		{"iv", NULL, 0, &c->iv},
		{"tag", NULL, 0, &c->tag},
		{"epk_x", NULL, 0, &c->epk_x},
		{"epk_y", NULL, 0, &c->epk_y},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(fields[i].name, name) != 0)
			continue;
		if (fields[i].bytes)
			read_hex(value, fields[i].bytes);
		else
			snprintf(fields[i].text, fields[i].size, "%s", value);
		return;
	}
	case_die(name);
}

void case_read(const char *path, struct bench_case *ret_case)
{
	FILE *file = fopen(path, "re");
	static char line[8192];

	if (!file)
		case_die(path);
	memset(ret_case, 0, sizeof(*ret_case));
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (!value)
			case_die(line);
		*value = '\0';
		take(ret_case, line, value + 1);
	}
	fclose(file);
}

void case_read_line(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(out, (int)size, file))
		case_die(path);
	out[strcspn(out, "\n")] = '\0';
	fclose(file);
}
