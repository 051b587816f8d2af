/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/rpc/operations.h"
#include "daemon/broker/rpc/rpc.h"

static void target_unwrap(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->unwrap->key, .kid = message->unwrap->kid};
}

static void target_wrap(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->wrap->key, .kid = ""};
}

static void target_generate_cek(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->generate_cek->key, .kid = ""};
}

static void target_rewrap(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->rewrap->key, .kid = message->rewrap->kid};
}

static void target_create_key(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->create_key->key, .kid = ""};
}

static void target_rotate_key(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->rotate_key->key, .kid = ""};
}

static void target_set_key_state(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = "", .kid = message->set_key_state->kid};
}

static void target_destroy_version(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = "", .kid = message->destroy_version->kid};
}

static void target_import_key(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->import_key->key, .kid = ""};
}

static void target_adopt_key(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->adopt_key->key, .kid = ""};
}

static void target_set_key_schedule(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->set_key_schedule->key, .kid = ""};
}

static void target_alias(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = "", .kid = message->alias->kid};
}

static void target_describe_key(const CekRequest *message, struct target *ret_target)
{
	*ret_target = (struct target){.key = message->describe_key->key, .kid = message->describe_key->kid};
}

const struct operation operations[] = {
	{CEK__V1__REQUEST__OP_UNWRAP, "unwrap", PERMISSION_UNWRAP, rpc_unwrap, target_unwrap},
	{CEK__V1__REQUEST__OP_WRAP, "wrap", PERMISSION_WRAP, rpc_wrap, target_wrap},
	{CEK__V1__REQUEST__OP_GENERATE_CEK, "generate_cek", PERMISSION_GENERATE, rpc_generate_cek, target_generate_cek},
	{CEK__V1__REQUEST__OP_REWRAP, "rewrap", PERMISSION_REWRAP, rpc_rewrap, target_rewrap},
	{CEK__V1__REQUEST__OP_CREATE_KEY, "create_key", PERMISSION_CREATE, rpc_create_key, target_create_key,
		.creates = true, .large = true, .slow = true},
	{CEK__V1__REQUEST__OP_ROTATE_KEY, "rotate_key", PERMISSION_ROTATE, rpc_rotate_key, target_rotate_key,
		.large = true, .slow = true},
	{CEK__V1__REQUEST__OP_SET_KEY_STATE, "set_key_state", PERMISSION_STATE, rpc_set_key_state, target_set_key_state,
		.large = true, .slow = true, .unconfirmed = true},
	{CEK__V1__REQUEST__OP_DESTROY_VERSION, "destroy_version", PERMISSION_DESTROY, rpc_destroy_version,
		target_destroy_version, .large = true, .slow = true, .unconfirmed = true},
	{CEK__V1__REQUEST__OP_IMPORT_KEY, "import_key", PERMISSION_IMPORT, rpc_import_key, target_import_key,
		.creates = true, .large = true, .slow = true},
	{CEK__V1__REQUEST__OP_ADOPT_KEY, "adopt_key", PERMISSION_ADOPT, rpc_adopt_key, target_adopt_key,
		.creates = true, .large = true, .slow = true},
	{CEK__V1__REQUEST__OP_GET_TRANSPORT_KEY, "get_transport_key", PERMISSION_IMPORT, rpc_get_transport_key,
		.slow = true},
	{CEK__V1__REQUEST__OP_SET_KEY_SCHEDULE, "set_key_schedule", PERMISSION_SCHEDULE, rpc_set_key_schedule,
		target_set_key_schedule, .large = true},
	{CEK__V1__REQUEST__OP_ALIAS, "alias", PERMISSION_IMPORT, rpc_alias, target_alias, .large = true},
	{CEK__V1__REQUEST__OP_LIST_KEYS, "list_keys", PERMISSION_LIST, rpc_list_keys, .large = true,
		.unconfirmed = true},
	{CEK__V1__REQUEST__OP_DESCRIBE_KEY, "describe_key", PERMISSION_LIST, rpc_describe_key, target_describe_key,
		.large = true, .unconfirmed = true},
	{CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS, "get_public_keys", PERMISSION_PUBLIC, rpc_get_public_keys,
		.large = true},
	{CEK__V1__REQUEST__OP_STATUS, "status", PERMISSION_STATUS, rpc_status, .large = true, .always = true,
		.at_once = true, .unconfirmed = true},
	{CEK__V1__REQUEST__OP_METRICS, "metrics", PERMISSION_METRICS, rpc_metrics, .large = true, .always = true,
		.at_once = true, .unconfirmed = true},
	{CEK__V1__REQUEST__OP_WATCH, "watch", PERMISSION_WATCH, rpc_watch},
	{CEK__V1__REQUEST__OP_FSCK, "fsck", PERMISSION_FSCK, rpc_fsck, .large = true, .slow = true,
		.unconfirmed = true},
	{CEK__V1__REQUEST__OP_RESTORE, "restore", PERMISSION_RESTORE, rpc_restore, .large = true, .unconfirmed = true},
	{CEK__V1__REQUEST__OP_PREVIEW, "preview"},
	{CEK__V1__REQUEST__OP_EXPLAIN, "explain", .handler = rpc_explain, .always = true, .unconfirmed = true,
		.anyone = true},
};

const size_t n_operations = sizeof(operations) / sizeof(operations[0]);
