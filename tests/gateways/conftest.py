# SPDX-License-Identifier: Apache-2.0
"""A stack a module, and each gateway that is installed."""

import gateways
import pytest
import stack as S


def skip_unless_installed(kind):
    reason = kind().missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def stack(make_cekd_module):
    skip_unless_installed(gateways.CekAuth)
    with S.stacked(make_cekd_module()) as made:
        yield made


@pytest.fixture(scope="module", params=gateways.ALL, ids=lambda kind: kind.label)
def gateway(request, stack):
    skip_unless_installed(request.param)
    with stack.gateway(request.param) as running:
        yield running
