# SPDX-License-Identifier: Apache-2.0
"""The table of gateways/README.md is what the gateways that are installed here do."""

import cekd as C
import gateways
import pytest
import rig
import rows

TEXT = (C.SOURCE / "gateways" / "README.md").read_text()


@pytest.fixture(scope="module")
def upstream():
    made = rig.Upstream()
    yield made
    made.stop()


@pytest.mark.parametrize("kind", [kind for kind in gateways.ALL if kind.asks_cek_auth], ids=lambda kind: kind.label)
def test_row(kind, upstream):
    reason = kind().missing()
    if reason:
        pytest.skip(reason)
    assert rows.line(rows.HEAD) in TEXT
    assert rows.line(rows.measure(kind, upstream)) in TEXT
