/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/tell.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__Checked__Found Found;

enum {
	N_FOUND = 4,
};

void tell_cekd(Cek__Internal__V1__Control *control)
{
	int r = dgram_send(TELL_CONTROL, &control->base, NULL, 0);

	if (r < 0 && r != -EPIPE)
		log_warning("cekd cannot be told: %s", strerror(-r));
}

void tell_failing(Cek__Internal__V1__Failing__Class class, const char *why)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Failing what = CEK__INTERNAL__V1__FAILING__INIT;

	log_error("%s", why);
	what.class_ = class;
	what.why = (char *)(uintptr_t)why;
	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_FAILING;
	control.failing = &what;
	tell_cekd(&control);
}

void tell_broke(bool cekd, const char *how)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Broke broke = CEK__INTERNAL__V1__BROKE__INIT;

	log_error("%s %s: ending", cekd ? "cekd" : "the broker", how);
	broke.cekd = cekd;
	broke.how = (char *)(uintptr_t)how;
	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_BROKE;
	control.broke = &broke;
	tell_cekd(&control);
}

static void add(Found *found, const char *what, const char *text)
{
	cek__internal__v1__checked__found__init(found);
	found->what = (char *)(uintptr_t)what;
	found->text = (char *)(uintptr_t)text;
}

void tell_checked(const struct session *session, const char *sandbox)
{
	Cek__Internal__V1__Control control = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Checked checked = CEK__INTERNAL__V1__CHECKED__INIT;
	Found found[N_FOUND], *pointers[N_FOUND];
	char module[512], token[160];

	(void)snprintf(module, sizeof(module), "%s loads: %s", session->config.module, session->module);
	(void)snprintf(token, sizeof(token), "label \"%s\", serial %s, %s", session->label, session->serial,
		session->model);
	add(&found[0], "module", module);
	add(&found[1], "token", token);
	add(&found[2], "login", "not tried: it would spend a try of the PIN");
	add(&found[3], "sandbox of worker", sandbox);
	for (size_t i = 0; i < N_FOUND; i++)
		pointers[i] = &found[i];
	checked.found = pointers;
	checked.n_found = N_FOUND;
	control.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_CHECKED;
	control.checked = &checked;
	tell_cekd(&control);
}
