# SPDX-License-Identifier: Apache-2.0
"""docs/compatibility.md and CHANGELOG.md say what the sources do."""

import re

import cekd as C

PAGE = (C.SOURCE / "docs" / "compatibility.md").read_text()
CHANGELOG = (C.SOURCE / "CHANGELOG.md").read_text()


def test_sonames_and_symbol_versions():
    major = re.search(r"^libcek_soversion = '(\d+)'", (C.SOURCE / "client" / "meson.build").read_text(), re.M)[1]
    for name, folder in (("libcek", "client"), ("libcek-jose", "client/jose")):
        assert f"`{name}.so.{major}`" in PAGE
        text = (C.SOURCE / folder / f"{name}.map").read_text()
        versions = re.findall(r"^(\w+) \{", text, re.M)
        assert versions
        for version in versions:
            assert f"`{version}`" in PAGE, version


def test_package_of_the_protocol():
    assert f"Package `{C.pb.DESCRIPTOR.package}`" in PAGE


def test_exit_statuses():
    """As the table of cekctl(1) counts them, once it has one."""
    listed = dict(re.findall(r"(\d) ([a-z][\w ]*)", re.search(r"exit status \| (.*?) \|", PAGE)[1]))
    assert list(listed) == list("0123456")
    section = (C.SOURCE / "man" / "cekctl.1").read_text().split(".Sh EXIT STATUS")[1].split("\n.Sh ")[0]
    told = set(re.findall(r"^\.It (\d)$", section, re.M))
    assert told in (set(), set(listed)), told


def test_changelog_names_the_release():
    """Keep a Changelog: what comes first, then releases with a date, the youngest first; that of meson.build is one of them."""
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.M)
    assert headings[0] == "[Unreleased]"
    releases = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:]]
    assert releases and all(releases), headings
    numbers = [tuple(map(int, release.groups())) for release in releases]
    assert numbers == sorted(numbers, reverse=True)
    version = re.search(r"^  version: '([\d.]+)'", (C.SOURCE / "meson.build").read_text(), re.M)[1]
    assert f"## [{version}] - " in CHANGELOG
    kinds = set(re.findall(r"^### (.*)$", CHANGELOG, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
