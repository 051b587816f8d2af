# SPDX-License-Identifier: Apache-2.0
"""That tests/house/house finds what it is for: each test makes a checkout of a few files and compiles it."""

import json
import pathlib
import subprocess

import pytest

HOUSE = pathlib.Path(__file__).parent / "house"
RANKS = """outside tests
tree common
tree daemon sees common
tree client sees common
room common 0 base
room daemon 0 daemon/low
room daemon 1 daemon/high
room client 0 client
room client 1 client/examples
only client/examples client/c.h
"""
ROOMS = ("base", "daemon/low", "daemon/high", "client", "client/examples")
GOOD = {
    "base/b.h": "int b(void);\n", "base/b.c": '#include "base/b.h"\nint b(void) { return 1; }\n',
    "daemon/low/l.h": "int l(void);\n",
    "daemon/low/l.c": '#include "base/b.h"\n#include "daemon/low/l.h"\nint l(void) { return b(); }\n',
    "daemon/high/h.h": "int h(void);\n",
    "daemon/high/h.c": '#include "daemon/high/h.h"\n#include "daemon/low/l.h"\nint h(void) { return l(); }\n',
    "client/examples/e.c": '#include "client/c.h"\nint e(void) { return c(); }\n',
    "client/c.h": "int c(void);\n", "client/c.c": '#include "base/b.h"\n#include "client/c.h"\nint c(void) { return b(); }\n',
}


@pytest.fixture
def look(tmp_path):
    """Make a checkout of these files beside the good ones and give the exit status, what was printed, and the faults."""
    def run(**changes):
        root, build = tmp_path / "root", tmp_path / "build"
        (build / "daemon/high").mkdir(parents=True)
        (build / "daemon/high/made.h").write_text("enum { MADE };\n")
        commands = []
        files = GOOD | {f"{room}/README": "A room.\n" for room in ROOMS}
        files = {root / name: text for name, text in (files | changes).items() if text is not None}
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for path in files:
            if path.suffix == ".c":
                output = str(path.relative_to(root)).replace("/", "_") + ".o"
                command = ["cc", f"-I{root}", f"-I{root}/daemon", f"-I{build}", "-c", str(path), "-o", output]
                subprocess.run(command, cwd=build, check=True)
                commands.append({"directory": str(build), "file": str(path), "arguments": command, "output": output})
        (build / "compile_commands.json").write_text(json.dumps(commands))
        (tmp_path / "ranks").write_text(RANKS)
        subprocess.run(["git", "init", "-q", root], check=True)
        done = subprocess.run([HOUSE, build, "--root", root, "--ranks", tmp_path / "ranks"], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr
    return run


def test_a_good_house(look):
    status, out, err = look()
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "5 rooms, 9 files, 4 arrows, 0 circles, 0 faults"


def test_an_upward_include(look):
    status, _, err = look(**{"daemon/low/l.c": '#include "daemon/high/h.h"\nint l(void) { return 2; }\n',
                             "daemon/high/h.c": "int h(void) { return 3; }\n"})
    assert status == 1
    assert err == "daemon/low/l.c includes daemon/high/h.h: rank 0 must not know rank 1\n"


def test_an_include_by_a_relative_path(look):
    status, _, err = look(**{"daemon/low/l.c": '#include "../high/h.h"\nint l(void) { return 2; }\n',
                             "daemon/high/h.c": "int h(void) { return 3; }\n"})
    assert (status, "includes daemon/high/h.h: rank 0 must not know rank 1" in err) == (1, True)


def test_an_upward_call_without_an_include(look):
    status, _, err = look(**{"daemon/low/l.c": "int h(void);\nint l(void) { return h(); }\n",
                             "daemon/high/h.c": "int h(void) { return 3; }\n"})
    assert status == 1
    assert err == "daemon/low/l.c calls h of daemon/high/h.c: rank 0 must not know rank 1\n"


def test_an_upward_use_of_data_without_an_include(look):
    status, _, err = look(**{"daemon/low/l.c": "extern int n;\nint l(void) { return n; }\n",
                             "daemon/high/h.c": "int n;\nint h(void) { return 3; }\n"})
    assert (status, err) == (1, "daemon/low/l.c calls n of daemon/high/h.c: rank 0 must not know rank 1\n")


@pytest.mark.parametrize("text", ["#include <daemon/high/h.h>", '#include "high/h.h"', '#define WHERE "high/h.h"\n#include WHERE'])
def test_an_upward_include_that_no_line_names(look, text):
    """Of a header whose types alone are used, so that no symbol tells either."""
    status, _, err = look(**{"daemon/low/l.c": f"{text}\nint l(void) {{ return sizeof(struct h); }}\n",
                             "daemon/high/h.h": "struct h { int n; };\n", "daemon/high/h.c": "int h(void) { return 3; }\n"})
    assert (status, err) == (1, "daemon/low/l.c is compiled with daemon/high/h.h: rank 0 must not know rank 1\n")


def test_an_upward_include_of_a_generated_header(look):
    status, _, err = look(**{"daemon/low/l.c": '#include "daemon/high/made.h"\nint l(void) { return MADE; }\n',
                             "daemon/high/h.c": "int h(void) { return 3; }\n"})
    assert (status, err) == (1, "daemon/low/l.c is compiled with daemon/high/made.h: rank 0 must not know rank 1\n")


def test_an_upward_include_of_a_fragment(look):
    status, _, err = look(**{"daemon/low/l.c": '#include "daemon/high/part.inc"\nint l(void) { return PART; }\n',
                             "daemon/high/part.inc": "enum { PART };\n"})
    assert status == 1
    assert "daemon/low/l.c includes daemon/high/part.inc: rank 0 must not know rank 1\n" in err


def test_a_header_that_is_not_public(look):
    status, _, err = look(**{"client/examples/e.c": '#include "client/c.h"\n#include "client/inner.h"\nint e(void) { return c(); }\n',
                             "client/inner.h": "struct inner;\n"})
    assert (status, err) == (1, "client/examples/e.c includes client/inner.h: of client, client/examples knows client/c.h alone\n")


def test_another_tree(look):
    status, _, err = look(**{"client/c.c": '#include "daemon/low/l.h"\nint c(void) { return l(); }\n'})
    assert status == 1
    assert "client/c.c includes daemon/low/l.h: client does not see daemon\n" in err
    assert "client/c.c calls l of daemon/low/l.c: client does not see daemon\n" in err


def test_a_circle_within_a_room(look):
    status, out, err = look(**{"base/b.c": "int d(void);\nint b(void) { return d(); }\n",
                               "base/d.c": "int b(void);\nint d(void) { return b(); }\n"})
    assert status == 1
    assert err == "circle of 2 files: base/b -> base/d; base/d -> base/b\n"
    assert "1 circles, 1 faults" in out


def test_a_circle_of_an_include_and_a_call(look):
    status, _, err = look(**{"base/d.h": "int d(void);\n", "base/d.c": "int b(void);\nint d(void) { return b(); }\n",
                             "base/b.c": '#include "base/d.h"\nint b(void) { return 1; }\n'})
    assert (status, err) == (1, "circle of 2 files: base/b -> base/d; base/d -> base/b\n")


def test_the_same_name_in_two_trees_is_no_arrow(look):
    status, _, err = look(**{"daemon/low/l.c": "static int x(void) { return 1; }\nint same(void) { return x(); }\n"
                                               "int l(void) { return same(); }\n",
                             "client/c.c": "int same(void);\nint c(void) { return same(); }\n",
                             "client/d.c": "int same(void) { return 4; }\n",
                             "daemon/high/h.c": "int same(void);\nint h(void) { return same(); }\n"})
    assert (status, err) == (0, "")


def test_a_folder_without_a_row_and_a_room_without_a_readme(look):
    status, _, err = look(**{"daemon/loose.c": "int loose(void) { return 5; }\n", "daemon/low/README": None})
    assert status == 1
    assert err == ("daemon/loose.c: its folder stands in no row of the table\n"
                   "daemon/low: no README says what the room is for\n")


def test_a_new_tree_without_a_row(look):
    status, _, err = look(**{"gateways/new/g.c": '#include "daemon/low/l.h"\nint g(void) { return l(); }\n'})
    assert (status, err) == (1, "gateways/new/g.c: its folder stands in no row of the table\n")


def test_a_unit_test_that_nobody_runs(look, tmp_path):
    status, _, _ = look(**{"tests/unit/low/test_l.c": "int main(void) { return 0; }\n"})
    assert status == 0
    (tmp_path / "root/tests/unit/low/test_k.c").write_text("int main(void) { return 1; }\n")
    done = subprocess.run([HOUSE, tmp_path / "build", "--root", tmp_path / "root", "--ranks", tmp_path / "ranks"],
                          capture_output=True, text=True)
    assert (done.returncode, "tests/unit/low/test_k.c: " in done.stderr) == (1, True)


def test_a_source_that_is_not_built(look, tmp_path):
    status, _, err = look()
    assert status == 0
    (tmp_path / "root/base/new.c").write_text("int new(void) { return 6; }\n")
    done = subprocess.run([HOUSE, tmp_path / "build", "--root", tmp_path / "root", "--ranks", tmp_path / "ranks"],
                          capture_output=True, text=True)
    assert (done.returncode, "base/new.c: " in done.stderr) == (1, True)
