/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and versions as text and as JSON.
 */
#pragma once

#include <jansson.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

/* "active", "pre-active", …; "generated", … */
const char *keys_state(Cek__V1__State state);
const char *keys_provenance(Cek__V1__Provenance provenance);

/* The active version, or NULL. */
const Cek__V1__Version *keys_active(const Cek__V1__Key *key);

/* Whether that is the version's kid or one of its aliases. */
bool keys_has_kid(const Cek__V1__Version *version, const char *kid);

/* The version of that kid or alias, or NULL. */
const Cek__V1__Version *keys_version(const Cek__V1__Key *key, const char *kid);

/* All that is known; members that are empty are left out. NULL if memory ran out. */
json_t *keys_json(const Cek__V1__Key *key);
json_t *keys_public_json(const Cek__V1__PublicKey *public_key);
json_t *keys_usage_json(const Cek__V1__Usage *usage);

/* When it is safe to retire and from what that was computed, or what is missing; "" if there is nothing to say. A cekd
 * of the first release says only the time. Returns text. */
enum { KEYS_RETIREMENT = 640 };
const char *keys_retirement(const Cek__V1__Version *version, char text[KEYS_RETIREMENT]);

/* The timetable, a line an event, in the order of their times. */
void keys_print_plan(Cek__V1__Key *key);

/* Print what a change answered: JSON of the key, or "KEY: version KID is STATE" for kid (NULL: the active one). Returns
 * an exit status. */
int keys_print_change(const struct ctl *ctl, const Cek__V1__Key *key, const char *kid);

/* Send a request whose answer is a key, and print it so. Returns an exit status. */
int keys_change(struct ctl *ctl, const Cek__V1__Request *request, const char *kid);
