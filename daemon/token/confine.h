/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of a worker: entered before the module is loaded, so that its threads are inside from their first moment.
 * Of the file system stay what libraries need (read), what the configuration allows (module-paths), and what it names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct confine {
	const char *mode;          /* "auto", "required" or "off" */
	const char *module;        /* path of the PKCS#11 library; empty: there is none but in the URI */
	const char *init_reserved; /* may name folders, as NSS's configdir does; may be empty */
	char *const *environment;  /* NULL at the end; the same */
	char *const *paths;        /* module-paths */
	size_t n_paths;
	bool own_uid; /* no file of the token can be ruined by the end of a login: the worker always dies with cekd */
};

/* 0 and a line for Status in report, or -errno as sandbox_enter(). Each path that the environment and init_reserved
 * name may be read and written as far as file modes allow, and so may each path in the text files among these
 * (softhsm2.conf). In the place of what is not there yet its folder. */
int confine_enter(const struct confine *confine, char *report, size_t report_size);
