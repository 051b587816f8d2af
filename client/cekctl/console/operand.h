/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the usage of a verb calls the words that are no options.
 */
#pragma once

#include <stddef.h>

#include "client/cekctl/console/ctl.h"

enum { OPERAND_KIND = 128 };

/* The kind of operand number i, from 0: KID, NAME, "bash|zsh|fish"; "" if the usage has no such one. */
void operand_kind(const struct verb *verb, size_t i, char ret_kind[OPERAND_KIND]);
