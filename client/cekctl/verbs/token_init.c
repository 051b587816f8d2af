/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl token init: a token with random PINs, through libp11. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/wipe.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/values.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/token/p11.h"
#include "client/cekctl/token/pin.h"
#include "client/cekctl/token/softhsm.h"
#include "client/cekctl/verbs/verbs.h"

enum {
	PINS_BYTES = 4096,
	URI_BYTES = 512,
};

static const char SOFTHSM_MODULE[] = "/usr/lib/softhsm/libsofthsm2.so"; /* Debian's place */

struct init {
	const char *module, *label, *pin_file, *so_pin_file, *softhsm_dir, *user;
	char pin_default[PATH_MAX], so_pin_default[PATH_MAX + 8];
	char module_path[PATH_MAX], pin_path[PATH_MAX], so_pin_path[PATH_MAX], conf[SOFTHSM_PATH], uri[URI_BYTES];
	uid_t uid;
	gid_t gid;
	struct arena secrets;
	char *pin, *so_pin; /* in secrets */
	struct p11 *p11;
	const char *serial; /* of the new token */
};

/* With --softhsm-dir everything else has a default. */
static void fill_defaults(struct init *init)
{
	if (init->softhsm_dir && !init->module)
		init->module = SOFTHSM_MODULE;
	if (init->softhsm_dir && !init->label)
		init->label = "cekd";
	if (init->softhsm_dir && !init->pin_file) {
		snprintf(init->pin_default, PATH_MAX, "%s/pin", init->softhsm_dir);
		init->pin_file = init->pin_default;
	}
	if (init->pin_file && !init->so_pin_file) {
		snprintf(init->so_pin_default, sizeof(init->so_pin_default), "%s.so", init->pin_file);
		init->so_pin_file = init->so_pin_default;
	}
}

static int check_label(const struct ctl *ctl, const char *label)
{
	size_t len = strlen(label);

	if (len == 0 || len > P11_LABEL_MAX || label[len - 1] == ' ')
		return ctl_usage(ctl, "a label has 1 to %d bytes and does not end with a blank", P11_LABEL_MAX);
	for (size_t i = 0; i < len; i++)
		if (label[i] < ' ' || label[i] == 0x7f)
			return ctl_usage(ctl, "a label has only printable ASCII characters");
	return 0;
}

/* A name, or a number that need not be in the user database; its group is then the one of that number. */
static int find_user(const struct ctl *ctl, struct init *init)
{
	const struct passwd *user = getpwnam(init->user);
	uint32_t number;

	if (!user && value_number(init->user, &number) == 0) {
		user = getpwuid(number);
		init->uid = number;
		init->gid = user ? user->pw_gid : number;
		return 0;
	}
	if (!user)
		return ctl_fail(ctl, "there is no user \"%s\"", init->user);
	init->uid = user->pw_uid;
	init->gid = user->pw_gid;
	return 0;
}

static int check_arguments(const struct ctl *ctl, struct init *init)
{
	int r;

	fill_defaults(init);
	if (!init->module || !init->label || !init->pin_file)
		return ctl_usage(ctl, "--module, --label and --pin-file are needed (or --softhsm-dir)");
	if (strlen(init->pin_file) >= PATH_MAX - sizeof(".so") || strlen(init->so_pin_file) >= PATH_MAX)
		return ctl_usage(ctl, "the name of a PIN file is too long");
	if (strcmp(init->pin_file, init->so_pin_file) == 0)
		return ctl_usage(ctl, "the two PINs need files of their own");
	r = check_label(ctl, init->label);
	return r == 0 && init->user ? find_user(ctl, init) : r;
}

/* The configuration needs absolute paths, and a file that was just made can be resolved. */
static int absolute(const struct ctl *ctl, const char *path, char ret_path[PATH_MAX])
{
	return realpath(path, ret_path) ? 0 : ctl_fail(ctl, "%s: %s", path, strerror(errno));
}

static int store_pin(const struct ctl *ctl, const char *file, char *pin)
{
	int r = pin_make(pin);

	if (r == 0)
		r = pin_store(file, pin);
	if (r == -EEXIST)
		return ctl_fail(ctl, "%s exists already and is not overwritten", file);
	if (r < 0)
		return ctl_fail(ctl, "cannot write %s: %s", file, strerror(-r));
	return 0;
}

static int make_pins(const struct ctl *ctl, struct init *init)
{
	int r;

	if (arena_init(&init->secrets, PINS_BYTES) < 0)
		return ctl_fail(ctl, "out of memory");
	init->pin = arena_alloc(&init->secrets, PIN_LEN + 1);
	init->so_pin = arena_alloc(&init->secrets, PIN_LEN + 1);
	r = store_pin(ctl, init->pin_file, init->pin);
	if (r != 0)
		return r;
	r = store_pin(ctl, init->so_pin_file, init->so_pin);
	if (r != 0) {
		unlink(init->pin_file); /* ours, and no token has heard of that PIN */
		return r;
	}
	r = absolute(ctl, init->pin_file, init->pin_path);
	return r == 0 ? absolute(ctl, init->so_pin_file, init->so_pin_path) : r;
}

static int find_module(const struct ctl *ctl, struct init *init)
{
	if (strchr(init->module, '/'))
		return absolute(ctl, init->module, init->module_path);
	snprintf(init->module_path, PATH_MAX, "%s", init->module); /* for dlopen(3) to find */
	return EXIT_SUCCESS;
}

/* pkcs11:token=LABEL;serial=SERIAL (RFC 7512 section 2.3). */
static void make_uri(struct init *init)
{
	size_t n = (size_t)snprintf(init->uri, URI_BYTES, "pkcs11:token=");
	const char *parts[2] = {init->label, init->serial};

	for (size_t i = 0; i < 2; i++) {
		if (i == 1)
			n += (size_t)snprintf(init->uri + n, URI_BYTES - n, ";serial=");
		for (const char *p = parts[i]; *p && n + 4 < URI_BYTES; p++) {
			bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
				*p == '-' || *p == '.' || *p == '_' || *p == '~';

			n += (size_t)snprintf(init->uri + n, URI_BYTES - n, plain ? "%c" : "%%%02X", (unsigned char)*p);
		}
	}
}

static int give_away(const struct ctl *ctl, const struct init *init)
{
	const char *conf = getenv("SOFTHSM2_CONF");
	char dir[SOFTHSM_PATH], why[SOFTHSM_WHY];

	if (!init->user)
		return 0;
	if (softhsm_token_dir(conf ? conf : "/etc/softhsm/softhsm2.conf", dir, why) < 0 ||
		softhsm_give_token(dir, init->serial, init->uid, init->gid, why) < 0)
		return ctl_fail(ctl, "%s", why);
	return 0;
}

static int initialise(const struct ctl *ctl, struct init *init)
{
	char why[SOFTHSM_WHY];
	int r;

	if (init->softhsm_dir && softhsm_prepare(init->softhsm_dir, init->conf, why) < 0)
		return ctl_fail(ctl, "%s", why);
	r = find_module(ctl, init);
	if (r == 0)
		r = p11_load(ctl, init->module_path, &init->p11);
	if (r != 0)
		return r;
	if (p11_serial(init->p11, init->label))
		return ctl_fail(ctl, "there is a token labelled \"%s\" already; nothing was changed", init->label);
	if (!p11_has_free(init->p11))
		return ctl_fail(ctl, "no slot has an uninitialised token");
	if (init->user && !p11_is_softhsm(init->p11))
		return ctl_fail(ctl, "--user is for SoftHSM's files, and this module is something else");
	r = make_pins(ctl, init);
	if (r != 0)
		return r;
	r = p11_init_token(ctl, init->p11, init->label, init->so_pin, init->pin);
	if (r != 0)
		return r;
	init->serial = p11_serial(init->p11, init->label);
	make_uri(init);
	return give_away(ctl, init);
}

static void print_setting(const char *name, const char *open, const char *text, const char *close)
{
	printf("%s = %s\"", name, open);
	for (const char *p = text; *p; p++)
		printf(*p == '"' || *p == '\\' || *p == '$' ? "\\%c" : "%c", *p);
	printf("\"%s\n", close);
}

static int show(const struct ctl *ctl, const struct init *init)
{
	const char *conf = p11_is_softhsm(init->p11) ? getenv("SOFTHSM2_CONF") : NULL;
	char environment[SOFTHSM_PATH + 32] = "";

	if (conf)
		snprintf(environment, sizeof(environment), "SOFTHSM2_CONF=%s", conf);
	if (ctl->json)
		return output_json(ctl,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "label", init->label, "serial", init->serial,
				"module", init->module_path, "token", init->uri, "pin_file", init->pin_path,
				"so_pin_file", init->so_pin_path, "module_environment", conf ? environment : NULL));
	printf("# Token \"%s\" is ready. For cekd.conf:\n", init->label);
	print_setting("module", "", init->module_path, "");
	print_setting("token", "", init->uri, "");
	print_setting("pin-file", "", init->pin_path, "");
	if (conf)
		print_setting("module-environment", "{", environment, "}");
	printf("# The security officer's PIN is in %s. cekd never needs it: keep it elsewhere.\n", init->so_pin_path);
	return EXIT_SUCCESS;
}

static void clean_up(struct init *init)
{
	init->p11 = p11_free(init->p11);
	if (init->secrets.base)
		arena_deinit(&init->secrets);
}

int verb_token_init(struct ctl *ctl, int argc, char **argv)
{
	static struct init init; /* paths take pages; one run makes one token */
	const struct arg args[] = {
		{"module", ARG_STRING, &init.module, "PATH", "the token's PKCS#11 library"},
		{"label", ARG_STRING, &init.label, "LABEL", "the new token's label, 1 to 32 characters"},
		{"pin-file", ARG_STRING, &init.pin_file, "FILE", "where the user PIN goes (0400; must not exist yet)"},
		{"so-pin-file", ARG_STRING, &init.so_pin_file, "FILE",
			"the security officer's PIN (default: PIN file + .so)"},
		{"softhsm-dir", ARG_STRING, &init.softhsm_dir, "DIR",
			"keep SoftHSM's tokens and configuration there; the rest then has defaults"},
		{"user", ARG_STRING, &init.user, "USER", "SoftHSM: give the token's files to the workers' user"},
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = check_arguments(ctl, &init);
	if (r != 0)
		return r;
	ctl->exit_now = true;
	waiting_begin("initialising the token");
	r = initialise(ctl, &init);
	waiting_end();
	if (r == 0)
		r = show(ctl, &init);
	clean_up(&init);
	return r;
}
