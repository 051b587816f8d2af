# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test with a daemon, and the daemon's log beside each failure."""

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "e2e"))
import cekd as C  # noqa: E402


@pytest.fixture(scope="session")
def first_token():
    """The token that each daemon gets a copy of: initialising one is slow."""
    where = C.folder("cekd-token-")
    try:
        yield C.Token.init(where)
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _factory(first_token):
    made, folders = [], []

    def make(start=True, token=None, **options):
        where = C.folder("cekd-test-")
        folders.append(where)
        daemon = C.Cekd(where, token or first_token.copy(where / "token"), **options)
        made.append(daemon)
        return daemon.start() if start else daemon

    yield make
    errors = []
    for daemon in made:
        try:
            daemon.stop()
        except AssertionError as error:
            errors.append(str(error))
    for where in folders:
        shutil.rmtree(where, ignore_errors=True)
    assert not errors, "\n".join(errors)


@pytest.fixture
def make_cekd(first_token):
    """make_cekd(**options of C.Cekd): a daemon for this test alone. It must stop cleanly at the end."""
    yield from _factory(first_token)


@pytest.fixture(scope="module")
def make_cekd_module(first_token):
    yield from _factory(first_token)


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    """One daemon for all tests of a module that do it no harm."""
    return make_cekd_module()


@pytest.fixture
def daemon(make_cekd):
    return make_cekd()


@pytest.fixture
def client(shared):
    with shared.client() as client:
        yield client


def _shares_with_its_module(item):
    """Whether the test uses something that is made once a module: a daemon, most often."""
    return any(fixtures[-1].scope == "module" for fixtures in item._fixtureinfo.name2fixturedefs.values())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """For --dist loadgroup: the tests of a module that share something run in one process, the others wherever there is room.
    What takes long comes first, so that nothing long is left for the end."""
    for item in items:
        if _shares_with_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: (not item.get_closest_marker("long"), not _shares_with_its_module(item)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for number, daemon in enumerate(C.Cekd.started):
            text = daemon.log_text()
            if text:
                report.sections.append((f"log of cekd {number} in {daemon.where}", text[-20000:]))


def pytest_runtest_teardown(item, nextitem):
    if nextitem is None or nextitem.fspath != item.fspath:
        C.Cekd.started[:] = [daemon for daemon in C.Cekd.started if daemon.process is not None]


def pytest_sessionfinish():
    C.drop_programs()
