# SPDX-License-Identifier: Apache-2.0
"""docs/compatibility.md and CHANGELOG.md say what the sources do."""

import re
import subprocess

import cekd as C
from google.protobuf import descriptor_pb2

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


def protocol(where):
    """cek.proto as protoc's plugins get it: the file, and {path of an element: its comment}."""
    subprocess.run(["protoc", f"--proto_path={C.SOURCE / 'proto'}", "--include_source_info",
                    f"--descriptor_set_out={where / 'cek.desc'}", "cek.proto"], check=True)
    file = descriptor_pb2.FileDescriptorSet.FromString((where / "cek.desc").read_bytes()).file[0]
    return file, {tuple(location.path): (location.leading_comments + location.trailing_comments).strip()
                  for location in file.source_code_info.location}


def test_every_element_of_the_protocol_has_a_comment(tmp_path):
    """So that what protoc makes of it, for whatever language, explains itself."""
    file, comments = protocol(tmp_path)
    message, enum = (file.DESCRIPTOR.fields_by_name[name].number for name in ("message_type", "enum_type"))
    elements = {(message, i): kind.name for i, kind in enumerate(file.message_type)}
    elements |= {(message, i, 2, j): f"{kind.name}.{field.name}" for i, kind in enumerate(file.message_type)
                 for j, field in enumerate(kind.field)}
    elements |= {(enum, i): kind.name for i, kind in enumerate(file.enum_type)}
    elements |= {(enum, i, 2, j): value.name for i, kind in enumerate(file.enum_type) for j, value in enumerate(kind.value)}
    assert len(elements) > 250
    assert [name for path, name in elements.items() if not comments.get(path)] == []


def test_permissions_that_the_protocol_names(tmp_path):
    """In the comment of a request; as daemon/broker/rpc/operations.c has them."""
    file, comments = protocol(tmp_path)
    table = dict(re.findall(r"_OP_(\w+), \"\w+\",\s+PERMISSION_(\w+)",
                            (C.SOURCE / "daemon" / "broker" / "rpc" / "operations.c").read_text()))
    named = {}
    for i, kind in enumerate(file.message_type):
        permission = re.search(r"Permission: (\w+)\.", comments[4, i])
        if permission:
            named[re.sub(r"(?<!^)([A-Z])", r"_\1", kind.name.removesuffix("Request")).upper()] = permission[1].upper()
    assert len(named) >= 20 and {name for name in named if table[name] != named[name]} == set()


def test_options_of_generated_code(tmp_path):
    options = protocol(tmp_path)[0].options
    assert options.go_package and options.java_package and options.java_multiple_files


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
