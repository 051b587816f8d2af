# SPDX-License-Identifier: Apache-2.0
import shutil

import cekd as C
import nginx_rig as R
import pytest


def _nginxes():
    made = []

    def make(socket, server, start=True, **options):
        where = C.folder("cekd-nginx-")
        upstream = R.Upstream().__enter__()
        nginx = R.Nginx(where, socket, f"127.0.0.1:{upstream.port}", server, **options)
        made.append((nginx, upstream))
        return nginx.start() if start else nginx

    yield make
    errors = []
    for nginx, upstream in made:
        try:
            nginx.stop()
        except AssertionError as error:
            errors.append(str(error))
        upstream.__exit__()
        shutil.rmtree(nginx.where, ignore_errors=True)
    assert not errors, "\n".join(errors)


@pytest.fixture
def make_nginx():
    """make_nginx(cekd's socket, text of the server block, **options of R.Nginx). It must stop cleanly at the end."""
    yield from _nginxes()


@pytest.fixture(scope="module")
def make_nginx_module():
    yield from _nginxes()
