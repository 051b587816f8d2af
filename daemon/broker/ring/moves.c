/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/ring/moves.h"

struct standing move_standing(const struct version *version)
{
	return (struct standing){version->state, version->before, version->suspension.before};
}

const char *move_refused(const struct version *version, enum state to)
{
	const struct standing standing = move_standing(version);

	return moves_refused(&standing, version->key->active != NULL, to);
}

enum state move_back(const struct version *version)
{
	const struct standing standing = move_standing(version);

	return moves_back(&standing, version->key->active != NULL);
}

bool move_recorded(const struct version *version, enum state to)
{
	const struct standing standing = move_standing(version);

	return moves_recorded(&standing, version->key->active != NULL, to);
}

bool move_opens(const struct version *version)
{
	enum alg_family family = version->key->alg->family;

	if (version->state == STATE_PRE_ACTIVE)
		return family == ALG_RSA_OAEP || family == ALG_ECDH;
	return version->state == STATE_ACTIVE || version->state == STATE_DEACTIVATED;
}
