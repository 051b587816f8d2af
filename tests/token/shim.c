/*
 * A PKCS#11 module that is another one (CEKD_SHIM_MODULE), except for what the test says in the page CEKD_SHIM.
 */
#include "shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;
static struct shim *shim;

/* Does function misbehave this time? */
static int misbehaves(const char *function, CK_RV *ret_rv)
{
	if (strcmp(shim->function, function) != 0 || shim->times == 0)
		return 0;
	if (shim->times > 0)
		shim->times--;
	while (shim->hangs)
		pause();
	*ret_rv = shim->rv;
	return 1;
}

static CK_RV initialize(void *args)
{
	shim->initialized++;
	shim->blind = 0;
	return real->C_Initialize(args);
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

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n)
{
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

	return misbehaves("C_Decrypt", &rv) ? rv : done;
}

static CK_RV generate_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *template, CK_ULONG n,
			  CK_OBJECT_HANDLE *key)
{
	CK_RV rv;

	return misbehaves("C_GenerateKey", &rv) ? rv : real->C_GenerateKey(session, mechanism, template, n, key);
}

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
	list.C_FindObjects = find_objects;
	list.C_Decrypt = decrypt;
	list.C_GenerateKey = generate_key;
	*ret_list = &list;
	return CKR_OK;
}
