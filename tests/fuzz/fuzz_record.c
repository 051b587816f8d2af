/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the key journal: what can be read is written the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;
static struct text text;

/* Written once the line is in the one form that the journal uses; from then on it stays. */
static void check_record(const Cek__Internal__V1__KeyRecord *record)
{
	struct chain_head before = chain_start();
	Cek__Internal__V1__KeyRecord *again;
	char why[CHAIN_WHY_MAX];
	struct text second = {0};
	json_t *json;

	text.len = 0;
	if (record_write_key(&text, record, &before) < 0)
		return;
	json = chain_line_parse(text.data, text.len, why);
	if (!json)
		abort();
	if (record_read_key(json, &arena, &again, why) == 0) {
		if (record_write_key(&second, again, &before) < 0 || second.len != text.len ||
			memcmp(second.data, text.data, text.len) != 0)
			abort();
	}
	json_decref(json);
	text_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Cek__Internal__V1__KeyRecord *record;
	char why[CHAIN_WHY_MAX];
	json_t *json;

	if (!arena.base && arena_init(&arena, 1 << 18) < 0)
		abort();
	json = chain_line_parse((const char *)data, size, why);
	if (json && record_read_key(json, &arena, &record, why) == 0)
		check_record(record);
	json_decref(json);
	arena_reset(&arena);
	return 0;
}
