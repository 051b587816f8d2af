/*
 * The parts of the probe that need a key pair.
 */
#pragma once

struct worker;

#include "proto/alg.h"

/* Fill what is not yet true of worker->probe.oaep and raw_rsa. */
void probe_rsa(struct worker *worker);

/* Fill worker->probe.curve of this curve, unless it works already. X25519 is generated in three ways (PKCS#11 3.0,
 * SoftHSM, NSS). */
void probe_curve(struct worker *worker, const struct curve *curve);
