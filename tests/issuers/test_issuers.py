# SPDX-License-Identifier: Apache-2.0
"""Real issuers through the whole life of a key: no token fails but those that docs/issuers.md foretells.

CEKD_ISSUERS=long (scripts/test --issuers) takes ten minutes: nobody's clock runs faster, a set is kept for a minute, each token is
opened again after 30 s, and Keycloak takes part. An issuer that cannot be had here is skipped, and its test says why."""

import os
import shutil

import cekd as C
import pytest
import toolchains
from issuers import KINDS
from life import LONG, SHORT, TABLES, Life

IS_LONG = os.environ.get("CEKD_ISSUERS") == "long"
MISSING = {}


@pytest.fixture(scope="module")
def life(make_cekd_module):
    kinds = []
    for kind in KINDS:
        try:
            if kind.long_only and not IS_LONG:
                raise toolchains.Missing("only scripts/test --issuers takes the time")
            kinds.append((kind, kind.command()))
        except toolchains.Missing as missing:
            MISSING[kind.name] = str(missing)
    daemon = make_cekd_module(destroy_wait=1, destroy_wait_min=0, skew=1)
    where = C.folder("cekd-issuers-")
    life = Life(daemon, kinds, LONG if IS_LONG else SHORT, where)
    try:
        try:
            life.run()
        finally:
            TABLES.append(life.table())
        yield life
    finally:
        life.stop()
        shutil.rmtree(where, ignore_errors=True)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_failure_but_those_foretold(life, kind):
    if kind.name in MISSING:
        pytest.skip(f"{kind.name} does not take part: {MISSING[kind.name]}")
    assert not life.faults[kind.name], "\n".join(life.faults[kind.name][:20])
    for step in life.steps[:-1]:
        assert life.tallies[step, kind.name].minted > 0, step
    for step in ("rotation by schedule", "rotation by hand"):
        assert life.tallies[step, kind.name].again > 0, step
    # and what is foretold did happen: without it the life was none
    assert life.tallies["suspend --force", kind.name].foretold > 0
    assert life.tallies["compromise --rotate", kind.name].foretold > 0
