/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/journal/law/law_data.h"

void law_data_init(struct law *law)
{
	list_init(&law->keys);
	list_init(&law->versions);
	list_init(&law->intents);
}

void law_data_deinit(struct law *law)
{
	struct link *link;

	while ((link = list_take(&law->versions)))
		free(list_entry(link, struct law_version, link));
	while ((link = list_take(&law->keys)))
		free(list_entry(link, struct law_key, link));
	while ((link = list_take(&law->intents)))
		free(list_entry(link, struct law_intent, link));
	table_deinit(&law->names);
	table_deinit(&law->kids);
	table_deinit(&law->added);
	table_deinit(&law->cka_ids);
	law->names = law->kids = law->added = law->cka_ids = (struct table){0};
	law->asked = NULL;
}

/* The clocks' base is that of the boot of the last record. What no record tells the broker may not have seen, and could
 * not have confirmed: it counts as long as it lasts. */
void law_look(struct law *law)
{
	struct clocks clocks = law->clocks;

	law->real = clock_real_us();
	law->up = clock_boot_us();
	law->stepped = strcmp(clocks.boot, law->boot) == 0 && clocks_look(&clocks, law->real, law->up) != 0;
}

struct law_key *law_key(const struct law *law, const char *name)
{
	return table_get(&law->names, name, strlen(name));
}

struct law_version *law_version(const struct law *law, const char *kid)
{
	return table_get(&law->kids, kid, strlen(kid));
}

struct law_version *law_object(const struct law *law, const ProtobufCBinaryData *cka_id)
{
	return cka_id->len > 0 ? table_get(&law->cka_ids, cka_id->data, cka_id->len) : NULL;
}
