/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/shared/executing.h"
#include "daemon/shared/orphan.h"
#include "daemon/shared/testhook.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/pin.h"

enum { SLOTS_MAX = 256 };

static enum session_result fail(struct session *session, enum session_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum session_result fail(struct session *session, enum session_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(session->why, sizeof(session->why), format, args);
	va_end(args);
	return result;
}

/* PKCS#11 strings are padded with blanks and have no end. */
static void unpad(const unsigned char *text, size_t len, char *ret_text)
{
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\0'))
		len--;
	memcpy(ret_text, text, len);
	ret_text[len] = '\0';
}

static enum session_result parse_uri(struct session *session)
{
	int r;

	session->uri = p11_kit_uri_new();
	if (!session->uri)
		return fail(session, SESSION_TOKEN, "out of memory");
	r = p11_kit_uri_parse(session->config.uri, P11_KIT_URI_FOR_ANY, session->uri);
	if (r != P11_KIT_URI_OK)
		return fail(session, SESSION_CONFIGURATION, "token: \"%s\" is no PKCS#11 URI (RFC 7512): %s",
			session->config.uri, p11_kit_uri_message(r));
	if (p11_kit_uri_any_unrecognized(session->uri))
		return fail(session, SESSION_CONFIGURATION, "token: \"%s\" has an attribute that nobody knows",
			session->config.uri);
	if (p11_kit_uri_get_pin_value(session->uri))
		return fail(session, SESSION_CONFIGURATION, "token: pin-value has no place in a URI; name a pin-file");
	return SESSION_OK;
}

static enum session_result initialize(struct session *session)
{
	/* NSS has a member of its own before pReserved; it must read NULL where this struct would end. */
	struct {
		CK_C_INITIALIZE_ARGS args;
		void *beyond;
	} init = {.args = {.flags = CKF_OS_LOCKING_OK}};
	CK_INFO info;
	char description[33];
	CK_RV rv;

	if (session->config.init_reserved && *session->config.init_reserved)
		init.args.pReserved = (void *)(uintptr_t)session->config.init_reserved;
	/* A module with threads of its own needs locks (p11-kit's RPC client says CKR_CANT_LOCK without the flag), and
	 * nothing forbids it those of the system. One that cannot use them does without: we call it from one thread. */
	rv = session->f->C_Initialize(&init);
	if (rv == CKR_CANT_LOCK) {
		init.args.flags = 0;
		rv = session->f->C_Initialize(&init);
	}
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return fail(session, SESSION_TOKEN,
			"module: C_Initialize says %s; check its configuration, the module-environment "
			"and module-paths",
			ckr_name(rv));
	if (session->f->C_GetInfo(&info) == CKR_OK) {
		unpad(info.libraryDescription, sizeof(info.libraryDescription), description);
		snprintf(session->module, sizeof(session->module), "%s %u.%u", description, info.libraryVersion.major,
			info.libraryVersion.minor);
	}
	return SESSION_OK;
}

/* The labels that there are, for an operator who mistyped one. */
static void list_labels(struct session *session, const CK_SLOT_ID *slots, CK_ULONG n, char *ret_text, size_t size)
{
	size_t used = 0;

	*ret_text = '\0';
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;
		char label[33];
		int len;

		if (session->f->C_GetTokenInfo(slots[i], &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED))
			continue;
		unpad(info.label, sizeof(info.label), label);
		len = snprintf(ret_text + used, size - used, "%s\"%s\"", used ? ", " : "", label);
		if (len < 0 || (size_t)len >= size - used)
			return;
		used += (size_t)len;
	}
}

static enum session_result find_slot(struct session *session, CK_TOKEN_INFO *ret_info)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX, found = 0;
	char labels[200];
	CK_RV rv = session->f->C_GetSlotList(CK_TRUE, slots, &n);

	if (rv != CKR_OK)
		return fail(session, SESSION_TOKEN, "token: C_GetSlotList says %s", ckr_name(rv));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;

		if (session->f->C_GetTokenInfo(slots[i], &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED) ||
			!p11_kit_uri_match_token_info(session->uri, &info))
			continue;
		found++;
		session->slot = slots[i];
		*ret_info = info;
	}
	if (found == 1)
		return SESSION_OK;
	list_labels(session, slots, n, labels, sizeof(labels));
	if (found > 1)
		return fail(session, SESSION_CONFIGURATION,
			"token: \"%s\" fits %lu tokens of %s; add serial=", session->config.uri, found, labels);
	return fail(session, SESSION_CONFIGURATION,
		"token: none fits \"%s\"; there %s%s. Make one with cekctl token init, or "
		"correct the URI, the module-environment or module-paths",
		session->config.uri, *labels ? "is " : "is none", labels);
}

/* Whether a login may be tried. */
static enum session_result judge_pin(struct session *session, const CK_TOKEN_INFO *info)
{
	if (info->flags & CKF_USER_PIN_LOCKED)
		return fail(session, SESSION_PIN,
			"PIN: the token has locked it; only its security officer can set a new one");
	if (info->flags & CKF_USER_PIN_FINAL_TRY)
		return fail(session, SESSION_PIN,
			"PIN: one more wrong try would lock the token, so cekd does not try; "
			"check the PIN file and log in once with another tool (pkcs11-tool --login)");
	if (info->flags & CKF_USER_PIN_COUNT_LOW)
		log_warning("PIN: there was a wrong try since the last login");
	return SESSION_OK;
}

static void mark_login(const struct session *session, uint32_t inside)
{
	if (session->config.executing)
		session->config.executing->login = inside;
}

static enum session_result no_pin(struct session *session, int error)
{
	if (error == -EPERM)
		return fail(session, SESSION_TOKEN,
			"PIN: no login is tried after a wrong one: write the right one to the pin-file");
	if (error == -EPIPE)
		return fail(session, SESSION_TOKEN, "PIN: cekd is gone");
	return fail(session, SESSION_PIN, "PIN: the pin-file cannot be used: %s", strerror(-error));
}

static CK_RV login(struct session *session, const struct pin *pin)
{
	CK_RV rv;

	if (session->config.spare)
		orphan_spare();
	mark_login(session, 1);
	testhook_step("token.login");
	rv = session->f->C_Login(session->handle, CKU_USER, pin->len ? pin->text : NULL, pin->len);
	mark_login(session, 0);
	if (session->config.spare)
		orphan_resume();
	return rv;
}

/* No descriptor of the file is left when the token is called. */
static int try_login(struct session *session, CK_RV *ret_rv)
{
	const struct session_config *config = &session->config;
	int fd = config->begin_login ? config->begin_login(config->owner) : -1, r;
	struct pin pin;

	if (config->begin_login && fd < 0)
		return fd;
	r = pin_read(fd, &pin);
	if (fd >= 0)
		close(fd);
	if (r == 0) {
		*ret_rv = login(session, &pin);
		pin_wipe(&pin);
	}
	if (config->begin_login && r == 0 && ckr_class(*ret_rv) != CKR_CLASS_PIN)
		config->end_login(config->owner);
	return r;
}

enum session_result session_login(struct session *session)
{
	enum session_result result = SESSION_OK;
	CK_TOKEN_INFO info;
	CK_RV rv = session->f->C_GetTokenInfo(session->slot, &info);
	int r;

	/* SoftHSM cannot tell its flags when token.object is read-only and somebody has logged in. */
	if (rv == CKR_OK)
		result = judge_pin(session, &info);
	if (result != SESSION_OK)
		return result;
	r = try_login(session, &rv);
	if (r < 0)
		return no_pin(session, r);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return SESSION_OK;
	if (ckr_class(rv) == CKR_CLASS_PIN)
		return fail(session, SESSION_PIN, "PIN: the token says %s; correct the pin-file", ckr_name(rv));
	return fail(session, SESSION_TOKEN, "token: C_Login says %s", ckr_name(rv));
}

static enum session_result find_token(struct session *session, CK_TOKEN_INFO *ret_info)
{
	enum session_result result = initialize(session);

	if (result == SESSION_OK)
		result = find_slot(session, ret_info);
	if (result != SESSION_OK)
		return result;
	unpad(ret_info->label, sizeof(ret_info->label), session->label);
	unpad(ret_info->serialNumber, sizeof(ret_info->serialNumber), session->serial);
	unpad(ret_info->model, sizeof(ret_info->model), session->model);
	return SESSION_OK;
}

static enum session_result begin(struct session *session)
{
	CK_TOKEN_INFO info;
	enum session_result result = find_token(session, &info);
	CK_RV rv;

	if (result != SESSION_OK)
		return result;
	rv = session->f->C_OpenSession(session->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
		&session->handle);
	if (rv != CKR_OK)
		return fail(session, SESSION_TOKEN, "token: C_OpenSession says %s", ckr_name(rv));
	return info.flags & CKF_LOGIN_REQUIRED ? session_login(session) : SESSION_OK;
}

static enum session_result load(struct session *session, const struct session_config *config)
{
	const char *path = config->module;
	enum session_result result;

	*session = (struct session){.config = *config};
	result = parse_uri(session);
	if (result != SESSION_OK)
		return result;
	if (!path || !*path)
		path = p11_kit_uri_get_module_path(session->uri);
	if (!path)
		return fail(session, SESSION_CONFIGURATION, "module: no path; set module, or module-path in the URI");
	session->f = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	if (!session->f)
		return fail(session, SESSION_CONFIGURATION, "module: %s cannot be loaded: %s", path,
			p11_kit_message() ? p11_kit_message() : "no reason given");
	return SESSION_OK;
}

enum session_result session_open(struct session *session, const struct session_config *config)
{
	enum session_result result = load(session, config);

	return result == SESSION_OK ? begin(session) : result;
}

enum session_result session_look(struct session *session, const struct session_config *config)
{
	enum session_result result = load(session, config);
	CK_TOKEN_INFO info;

	if (result == SESSION_OK)
		result = find_token(session, &info);
	if (result != SESSION_OK || !(info.flags & CKF_LOGIN_REQUIRED))
		return result;
	return judge_pin(session, &info);
}

enum session_result session_reopen(struct session *session)
{
	session->f->C_Finalize(NULL);
	return begin(session);
}

void session_close(struct session *session)
{
	if (session->f)
		session->f->C_Finalize(NULL);
}
