/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal that stands by: another process still writes the journals, for another broker. The one here gets all
 * records that there are so far; and when the others have ended (TakeOver), the rest. From then on the journals are
 * this process's, which goes on as after any start (serve.h).
 */
#pragma once

#include "daemon/journal/serve/serve.h"

/* Wait for that, with a serve after serve_init() whose journals were opened to stand by. 1: taken over; 0: cekd or the
 * broker wants the end, and nothing was touched; -errno: it cannot go on. */
int stand_by(struct serve *serve);
