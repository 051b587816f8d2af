/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token as an algorithm sees it: data alone.
 */
#pragma once

#include "base/wipe.h"
#include "daemon/token/facts/facts.h"
#include "daemon/token/p11/session.h"

struct token {
	struct session session;
	struct facts facts;
	struct arena arena; /* locked: everything of the present job, wiped after it */
};
