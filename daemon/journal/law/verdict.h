/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the law says of a record.
 */
#pragma once

enum { LAW_WHY_MAX = 200 };

enum law_verdict {
	LAW_KEPT,
	LAW_EARLY,  /* not now; an honest broker may ask, since its look at the clock was another one */
	LAW_BROKEN, /* no broker of this release asks for that */
};
