/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes an nginx an authorisation service for other gateways (cek-auth(8)): a second module of the same file.
 */
#pragma once

#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t ngx_http_cekd_service_module;
