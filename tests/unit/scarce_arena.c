/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for secrets runs out as well; linked in beside scarce.c. */
#include <errno.h>

#include "base/wipe.h"
#include "tests/unit/scarce.h"

int __real_arena_init(struct arena *arena, size_t size);
int __wrap_arena_init(struct arena *arena, size_t size);

int __wrap_arena_init(struct arena *arena, size_t size)
{
	return scarce_fails() ? -ENOMEM : __real_arena_init(arena, size);
}
