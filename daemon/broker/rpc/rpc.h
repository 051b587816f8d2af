/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers, one a file.
 */
#pragma once

#include "daemon/broker/request/request.h"

int rpc_unwrap(struct request *request);
int rpc_wrap(struct request *request);
int rpc_generate_cek(struct request *request);
int rpc_rewrap(struct request *request);
int rpc_create_key(struct request *request);
int rpc_rotate_key(struct request *request);
int rpc_set_key_state(struct request *request);
int rpc_destroy_version(struct request *request);
int rpc_import_key(struct request *request);
int rpc_adopt_key(struct request *request);
int rpc_get_transport_key(struct request *request);
int rpc_set_key_schedule(struct request *request);
int rpc_alias(struct request *request);
int rpc_list_keys(struct request *request);
int rpc_describe_key(struct request *request);
int rpc_get_public_keys(struct request *request);
int rpc_status(struct request *request);
int rpc_metrics(struct request *request);
int rpc_watch(struct request *request);
int rpc_fsck(struct request *request);
int rpc_restore(struct request *request);
int rpc_explain(struct request *request);
