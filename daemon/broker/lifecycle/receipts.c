/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/lifecycle/receipts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/record.h"

int receipts_add(struct change *change)
{
	struct append *append = &change->append;
	uint8_t *grown;

	if (!append->receipt)
		return 0;
	grown = realloc(change->job.packed, change->job.len + append->receipt_len);
	if (!grown)
		return log_origin(-ENOMEM);
	change->job.packed = grown;
	memcpy(grown + change->job.len, append->receipt, append->receipt_len);
	change->job.len += append->receipt_len;
	free(append->receipt);
	append->receipt = NULL;
	return 0;
}

int receipts_ask(struct change *change, void (*done)(struct append *append, bool ok))
{
	KeyRecord record;

	change->append.done = done;
	change->renewed = true;
	record_intent(change, &record);
	return journal_renew(&change->broker->journal, &change->append, &record);
}
