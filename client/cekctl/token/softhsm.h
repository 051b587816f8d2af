/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SoftHSM's files: a configuration and token directory of one's own, and who may write what in it (cekctl(1)).
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum { SOFTHSM_PATH = 512, SOFTHSM_WHY = 640 };

/* Make dir (0755), dir/tokens (0700) and dir/softhsm2.conf (0644) where they do not exist, and point SOFTHSM2_CONF at
 * the file. conf gets its absolute path. 0, or -errno with one English phrase in why. */
int softhsm_prepare(const char *dir, char conf[SOFTHSM_PATH], char why[SOFTHSM_WHY]);

/* The token directory that conf names. 0 or -errno with why. */
int softhsm_token_dir(const char *conf, char ret_dir[SOFTHSM_PATH], char why[SOFTHSM_WHY]);

/* Give the token with this serial number to uid and gid, but for token.object: that stays with us, readable for gid.
 * Every C_Login rewrites it in place, and a worker killed in the middle would leave a token that is dead for good; a
 * worker that cannot write it works all the same. 0 or -errno with why. */
int softhsm_give_token(const char *token_dir, const char *serial, uid_t uid, gid_t gid, char why[SOFTHSM_WHY]);
