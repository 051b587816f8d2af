# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: writes down which changes (mutant.h) the processes of each test come by."""

import json
import mmap
import os
import pathlib
import time

import pytest


class Reach:
    def __init__(self):
        who = os.environ.get("PYTEST_XDIST_WORKER", "main")
        folder = pathlib.Path(os.environ["CEKD_MUTANTS_TOLD"])
        self.told = (folder / f"{who}.told").open("a")
        path = folder / f"{who}.reached"
        path.write_bytes(bytes(int(os.environ["CEKD_MUTANTS"])))
        path.chmod(0o666)  # cekd's children have uids of their own
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        os.environ["CEKD_MUTANT_REACHED"] = str(path)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        self.map[:] = bytes(len(self.map))
        self.ok, began = True, time.monotonic()
        yield
        numbers = [i for i, byte in enumerate(self.map[:]) if byte]
        name = f"{item.path.relative_to(item.config.rootpath.parent)}::{item.nodeid.split('::', 1)[1].split('@')[0]}"
        json.dump((name, self.ok, time.monotonic() - began, numbers), self.told)
        self.told.write("\n")
        self.told.flush()

    def pytest_runtest_logreport(self, report):
        if report.failed or (report.when == "call" and report.skipped):
            self.ok = False


def pytest_configure(config):
    if os.environ.get("PYTEST_XDIST_WORKER") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Reach())
