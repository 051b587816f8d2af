/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Initialising a token through libp11.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cekctl/console/ctl.h"

enum { P11_LABEL_MAX = 32 /* CK_TOKEN_INFO.label, blank padded, without NUL */ };

struct p11;

/* Load the module at path and list its slots. EXIT_SUCCESS, or EXIT_FAILURE after a report. */
int p11_load(const struct ctl *ctl, const char *path, struct p11 **ret_p11);

/* Unload it; leave the process by _exit() afterwards, since modules and OpenSSL's exit handlers meet badly. NULL is
 * allowed. Returns NULL. */
struct p11 *p11_free(struct p11 *p11);

/* Whether the module is SoftHSM. */
bool p11_is_softhsm(const struct p11 *p11);

/* The serial number of the initialised token with that label; NULL if there is none. Valid until the next call. */
const char *p11_serial(const struct p11 *p11, const char *label);

/* Whether a slot has a token that is not initialised yet. */
bool p11_has_free(const struct p11 *p11);

/* Initialise the token in the first slot that has one to be initialised, set both PINs, and log in once with the new
 * one. EXIT_SUCCESS, or EXIT_FAILURE after a report; the token may then be initialised all the same. */
int p11_init_token(const struct ctl *ctl, struct p11 *p11, const char *label, const char *so_pin, const char *pin);
