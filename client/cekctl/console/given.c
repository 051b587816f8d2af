/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/given.h"

#include <string.h>

void given_add(struct ctl *ctl, const char *kind, const char *word)
{
	static const char *const kinds[] = {"ALG", "ENC", "CRV", "OP", "NAME", "KID"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && ctl->n_given < GIVEN_MAX; i++)
		if (strcmp(kinds[i], kind) == 0)
			ctl->given[ctl->n_given++] = (struct given){kinds[i], word};
}

const char *given_find(const struct ctl *ctl, const char *kind)
{
	for (size_t i = 0; i < ctl->n_given; i++)
		if (strcmp(ctl->given[i].kind, kind) == 0)
			return ctl->given[i].word;
	return NULL;
}
