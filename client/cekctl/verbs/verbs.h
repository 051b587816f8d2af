/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs: each stands in the file of its name and is one function of one signature.
 */
#pragma once

#include "client/cekctl/console/ctl.h"

verb_run verb_audit_verify;
verb_run verb_completion;
verb_run verb_doctor;
verb_run verb_fsck;
verb_run verb_help;
verb_run verb_jwe_decrypt;
verb_run verb_jwe_encrypt;
verb_run verb_jwks;
verb_run verb_key_adopt;
verb_run verb_key_alias;
verb_run verb_key_compromise;
verb_run verb_key_create;
verb_run verb_key_destroy;
verb_run verb_key_import;
verb_run verb_key_keep;
verb_run verb_key_list;
verb_run verb_key_rename;
verb_run verb_key_resume;
verb_run verb_key_rotate;
verb_run verb_key_schedule;
verb_run verb_key_show;
verb_run verb_key_suspend;
verb_run verb_metrics;
verb_run verb_policy_check;
verb_run verb_policy_explain;
verb_run verb_restore_confirm;
verb_run verb_restore_show;
verb_run verb_rewrap;
verb_run verb_status;
verb_run verb_token_init;
verb_run verb_unwrap;
verb_run verb_watch;
verb_run verb_wrap;
