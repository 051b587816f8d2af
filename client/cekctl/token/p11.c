/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/token/p11.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libp11.h>
#include <openssl/err.h>

struct p11 {
	PKCS11_CTX *ctx;
	bool loaded;
	PKCS11_SLOT *slots;
	unsigned n_slots;
};

static int p11_fail(const struct ctl *ctl, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return ctl_fail(ctl, "%s: %s", what, reason ? reason : "the module gives no reason");
}

/* Slots have other numbers after C_InitToken (SoftHSM): they are listed anew, and tokens are found by label. */
static int list_slots(const struct ctl *ctl, struct p11 *p11)
{
	if (p11->slots)
		PKCS11_release_all_slots(p11->ctx, p11->slots, p11->n_slots);
	p11->slots = NULL;
	p11->n_slots = 0;
	if (PKCS11_enumerate_slots(p11->ctx, &p11->slots, &p11->n_slots) != 0)
		return p11_fail(ctl, "cannot list the slots");
	return EXIT_SUCCESS;
}

static int load(const struct ctl *ctl, const char *path, struct p11 *p11)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	/* first by ourselves: libp11 would write a line of its own to stderr */
	if (!library)
		return ctl_fail(ctl, "cannot load the module: %s", dlerror());
	dlclose(library);
	p11->ctx = PKCS11_CTX_new();
	if (!p11->ctx)
		return ctl_fail(ctl, "out of memory");
	if (PKCS11_CTX_load(p11->ctx, path) != 0)
		return p11_fail(ctl, "cannot load the module");
	p11->loaded = true;
	return list_slots(ctl, p11);
}

int p11_load(const struct ctl *ctl, const char *path, struct p11 **ret_p11)
{
	struct p11 *p11 = calloc(1, sizeof(*p11));
	int r = p11 ? load(ctl, path, p11) : ctl_fail(ctl, "out of memory");

	if (r == EXIT_SUCCESS)
		*ret_p11 = p11;
	else
		p11_free(p11);
	return r;
}

struct p11 *p11_free(struct p11 *p11)
{
	if (!p11)
		return NULL;
	if (p11->slots)
		PKCS11_release_all_slots(p11->ctx, p11->slots, p11->n_slots);
	if (p11->loaded)
		PKCS11_CTX_unload(p11->ctx);
	if (p11->ctx)
		PKCS11_CTX_free(p11->ctx);
	free(p11);
	return NULL;
}

bool p11_is_softhsm(const struct p11 *p11)
{
	return p11->ctx->manufacturer && strncmp(p11->ctx->manufacturer, "SoftHSM", 7) == 0;
}

/* The initialised token of that label; label NULL: the first that is not initialised. */
static PKCS11_SLOT *find_slot(const struct p11 *p11, const char *label)
{
	for (unsigned i = 0; i < p11->n_slots; i++) {
		const PKCS11_TOKEN *token = p11->slots[i].token;

		if (!token || !token->initialized != !label)
			continue;
		if (!label || (token->label && strcmp(token->label, label) == 0))
			return &p11->slots[i];
	}
	return NULL;
}

const char *p11_serial(const struct p11 *p11, const char *label)
{
	const PKCS11_SLOT *slot = find_slot(p11, label);

	if (!slot)
		return NULL;
	return slot->token->serialnr ? slot->token->serialnr : "";
}

bool p11_has_free(const struct p11 *p11)
{
	return find_slot(p11, NULL) != NULL;
}

int p11_init_token(const struct ctl *ctl, struct p11 *p11, const char *label, const char *so_pin, const char *pin)
{
	PKCS11_SLOT *slot = find_slot(p11, NULL);
	char padded[P11_LABEL_MAX + 1];

	if (!slot)
		return ctl_fail(ctl, "no slot has an uninitialised token");
	snprintf(padded, sizeof(padded), "%-*s", P11_LABEL_MAX, label); /* libp11 hands it on as it is */
	if (PKCS11_init_token(slot->token, so_pin, padded) != 0)
		return p11_fail(ctl, "cannot initialise the token");
	if (list_slots(ctl, p11) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	slot = find_slot(p11, label);
	if (!slot)
		return ctl_fail(ctl, "the token was initialised, but no slot shows it");
	if (PKCS11_open_session(slot, 1) != 0 || PKCS11_login(slot, 1, so_pin) != 0)
		return p11_fail(ctl, "cannot log in as security officer");
	if (PKCS11_init_pin(slot->token, pin) != 0)
		return p11_fail(ctl, "cannot set the user PIN");
	if (PKCS11_logout(slot) != 0 || PKCS11_login(slot, 0, pin) != 0)
		return p11_fail(ctl, "the new PIN does not open the token");
	PKCS11_logout(slot);
	return EXIT_SUCCESS;
}
