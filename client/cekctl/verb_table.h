/*
 * The table of verbs.
 */
#pragma once

#include "client/cekctl/verb.h"

/* Ends with a nameless one. */
extern const struct verb verb_table[];
