# SPDX-License-Identifier: Apache-2.0
"""The table of tests/issuers at the end of the run."""

from life import TABLES


def pytest_terminal_summary(terminalreporter):
    for table in TABLES:
        terminalreporter.write_line(table)
