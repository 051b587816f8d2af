/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that is another one (CEKD_SHIM_MODULE), except for what the test says in the page CEKD_SHIM.
 */
#include "shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;
static struct shim *shim;

/* Does function misbehave this time? */
static int misbehaves(const char *function, CK_RV *ret_rv)
{
	if (strcmp(shim->function, function) != 0 || shim->times == 0)
		return 0;
	if (shim->skip > 0) {
		shim->skip--;
		return 0;
	}
	if (shim->times > 0)
		shim->times--;
	while (shim->hangs)
		pause();
	*ret_rv = shim->rv;
	return 1;
}

static CK_RV initialize(void *args)
{
	const CK_C_INITIALIZE_ARGS *init = args;
	CK_RV rv;

	shim->initialized++;
	shim->init_flags = init->flags;
	shim->blind = 0;
	return misbehaves("C_Initialize", &rv) ? rv : real->C_Initialize(args);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);

	if (rv == CKR_OK)
		info->flags |= shim->token_flags;
	return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
	CK_RV rv;

	shim->logins++;
	return misbehaves("C_Login", &rv) ? rv : real->C_Login(session, user, pin, len);
}

/* Session copies are told from other objects by who made them. */
enum { COPIES_MAX = 64 };

static CK_OBJECT_HANDLE copies[COPIES_MAX];
static size_t n_copies;

static CK_RV copy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n,
	CK_OBJECT_HANDLE *copy)
{
	CK_RV rv;

	if (misbehaves("C_CopyObject", &rv))
		return rv;
	rv = real->C_CopyObject(session, object, template, n, copy);
	if (rv == CKR_OK && n_copies < COPIES_MAX) {
		copies[n_copies++] = *copy;
		shim->copies++;
	}
	return rv;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv;

	shim->reads++;
	return misbehaves("C_GetAttributeValue", &rv) ? rv : real->C_GetAttributeValue(session, object, template, n);
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n)
{
	CK_RV rv;

	if (misbehaves("C_FindObjects", &rv))
		return rv;
	if (shim->blind) {
		*n = 0;
		return CKR_OK;
	}
	return real->C_FindObjects(session, objects, max, n);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_RV rv;
	/* The operation ends in any case. */
	CK_RV done = real->C_Decrypt(session, in, in_len, out, out_len);

	shim->log_mask = setlogmask(0);
	return misbehaves("C_Decrypt", &rv) ? rv : done;
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_RV rv;
	CK_RV done = real->C_Encrypt(session, in, in_len, out, out_len);

	return misbehaves("C_Encrypt", &rv) ? rv : done;
}

/* Token objects alone: what operations leave behind in the session may go. */
static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	CK_BBOOL on_token = CK_FALSE;
	CK_ATTRIBUTE attribute = {CKA_TOKEN, &on_token, sizeof(on_token)};
	CK_RV rv = real->C_GetAttributeValue(session, object, &attribute, 1);

	if (rv == CKR_OK && on_token && misbehaves("C_DestroyObject", &rv))
		return rv;
	for (size_t i = 0; i < n_copies; i++)
		if (copies[i] == object) {
			copies[i] = copies[--n_copies];
			shim->copies--;
		}
	return real->C_DestroyObject(session, object);
}

/* An object of a template, without what only a generation takes, and more attributes. */
static CK_RV create(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *template, CK_ULONG n, const CK_ATTRIBUTE *more,
	CK_ULONG n_more, CK_OBJECT_HANDLE *object)
{
	CK_ATTRIBUTE full[40];
	CK_ULONG used = 0;

	if (n + n_more > sizeof(full) / sizeof(full[0]))
		return CKR_HOST_MEMORY;
	for (CK_ULONG i = 0; i < n; i++)
		if (template[i].type != CKA_EC_PARAMS)
			full[used++] = template[i];
	for (CK_ULONG i = 0; i < n_more; i++)
		full[used++] = more[i];
	return real->C_CreateObject(session, full, used, object);
}

/* The private key 73 on P-256, in place of one that the token makes. */
static CK_RV plant(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *public, CK_ULONG n_public,
	const CK_ATTRIBUTE *private, CK_ULONG n_private, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	static CK_BYTE params[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, value[32] = {[31] = 73};
	static CK_BYTE point[] = {
		0x04,
		0x41,
		0x04,
		0x39,
		0x2c,
		0x4b,
		0xba,
		0x3e,
		0x61,
		0x06,
		0x24,
		0x44,
		0x57,
		0xd5,
		0x1d,
		0xbb,
		0x46,
		0xa1,
		0x98,
		0xd6,
		0x2b,
		0x95,
		0x3b,
		0xef,
		0x29,
		0x4a,
		0x13,
		0x36,
		0x92,
		0x0e,
		0x63,
		0xcc,
		0x49,
		0x40,
		0xcd,
		0xe5,
		0x0c,
		0x82,
		0x1a,
		0xd6,
		0xaf,
		0x84,
		0x9d,
		0xb3,
		0xc3,
		0xd7,
		0xbf,
		0x6b,
		0x59,
		0x4c,
		0x91,
		0xfc,
		0xfd,
		0x86,
		0x79,
		0x56,
		0x88,
		0x22,
		0x09,
		0x5f,
		0xde,
		0xd5,
		0x82,
		0x87,
		0x14,
		0x6b,
		0xd2,
	};
	CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY, private_class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	const CK_ATTRIBUTE more_public[] = {
		{CKA_CLASS, &public_class, sizeof(public_class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_EC_PARAMS, params, sizeof(params)},
		{CKA_EC_POINT, point, sizeof(point)},
	};
	const CK_ATTRIBUTE more_private[] = {
		{CKA_CLASS, &private_class, sizeof(private_class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_EC_PARAMS, params, sizeof(params)},
		{CKA_VALUE, value, sizeof(value)},
	};
	CK_RV rv = create(session, public, n_public, more_public, 4, public_key);

	if (rv == CKR_OK)
		rv = create(session, private, n_private, more_private, 4, private_key);
	if (rv == CKR_OK)
		shim->dashed--;
	return rv;
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
	CK_ULONG n_public, CK_ATTRIBUTE *private, CK_ULONG n_private, CK_OBJECT_HANDLE *public_key,
	CK_OBJECT_HANDLE *private_key)
{
	CK_RV rv;

	usleep((useconds_t)shim->pair_ms * 1000);
	shim->rsa_pairs += mechanism->mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN;
	if (misbehaves("C_GenerateKeyPair", &rv))
		return rv;
	if (shim->dashed > 0)
		return plant(session, public, n_public, private, n_private, public_key, private_key);
	return real->C_GenerateKeyPair(session, mechanism, public, n_public, private, n_private, public_key,
		private_key);
}

/* The others do nothing when they misbehave. */
/* clang-format off */
#define PLAIN(name, parameters, arguments)                                    \
	static CK_RV shim_##name parameters                                   \
	{                                                                     \
		CK_RV rv;                                                     \
                                                                              \
		return misbehaves(#name, &rv) ? rv : real->name arguments;    \
	}

PLAIN(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n), (session, template, n))
PLAIN(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session))
PLAIN(C_GenerateKey,
      (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *key),
      (session, mechanism, template, n, key))
PLAIN(C_EncryptInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
      (session, mechanism, key))
PLAIN(C_DecryptInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
      (session, mechanism, key))
PLAIN(C_CreateObject, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *object),
      (session, template, n, object))
PLAIN(C_WrapKey,
      (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
       CK_BYTE *out, CK_ULONG *len),
      (session, mechanism, wrapping, key, out, len))
PLAIN(C_UnwrapKey,
      (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping, CK_BYTE *in, CK_ULONG len,
       CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *key),
      (session, mechanism, unwrapping, in, len, template, n, key))
PLAIN(C_DeriveKey,
      (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *template, CK_ULONG n,
       CK_OBJECT_HANDLE *key),
      (session, mechanism, base, template, n, key))
/* clang-format on */

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
	const char *path = getenv("CEKD_SHIM"), *module = getenv("CEKD_SHIM_MODULE");
	void *handle = module ? dlopen(module, RTLD_NOW | RTLD_LOCAL) : NULL;
	CK_RV (*get_list)(CK_FUNCTION_LIST **) = NULL;
	void *symbol = handle ? dlsym(handle, "C_GetFunctionList") : NULL;
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	memcpy(&get_list, &symbol, sizeof(get_list));
	if (!get_list || fd < 0 || get_list(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	shim = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shim == MAP_FAILED)
		return CKR_HOST_MEMORY;
	list = *real;
	list.C_Initialize = initialize;
	list.C_GetTokenInfo = get_token_info;
	list.C_Login = login;
	list.C_FindObjectsInit = shim_C_FindObjectsInit;
	list.C_FindObjects = find_objects;
	list.C_FindObjectsFinal = shim_C_FindObjectsFinal;
	list.C_Decrypt = decrypt;
	list.C_Encrypt = encrypt;
	list.C_GenerateKey = shim_C_GenerateKey;
	list.C_GenerateKeyPair = generate_key_pair;
	list.C_EncryptInit = shim_C_EncryptInit;
	list.C_DecryptInit = shim_C_DecryptInit;
	list.C_CreateObject = shim_C_CreateObject;
	list.C_WrapKey = shim_C_WrapKey;
	list.C_UnwrapKey = shim_C_UnwrapKey;
	list.C_DeriveKey = shim_C_DeriveKey;
	list.C_CopyObject = copy_object;
	list.C_DestroyObject = destroy_object;
	list.C_GetAttributeValue = get_attribute_value;
	*ret_list = &list;
	return CKR_OK;
}
