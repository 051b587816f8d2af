/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who logs in: a worker asks for the PIN file before each login, the first one and those of a token that has to be
 * begun anew, and says when it is over. None after a wrong PIN. One that starts waits until nobody is in a login; one
 * that serves does not, since its peers wait for it, and another one may hang there.
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/family.h"
#include "daemon/parent/host/logins.h"

struct pins {
	struct family *family;
	struct logins *logins;
	const char *file;
};

/* It asks, or its login is over. false: it may not say so now. */
bool pins_asked(struct child *worker);
bool pins_over(struct child *worker);

/* Give the file to those whose turn it is. Whoever asked hears at once that no login may be tried. To be called
 * when one asked, was done, or is gone. */
void pins_give(const struct pins *pins);

/* A child that is in a login, or may be. */
bool pins_in_use(struct family *family);
