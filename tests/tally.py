# SPDX-License-Identifier: Apache-2.0
"""Sums what all stages of scripts/test left in one folder; the last line is "N passed, N failed" (", N skipped")."""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

results, sanitizer, seconds, failed_to_build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:5]
passed, skipped, failed = 0, [], []


def meson(path):
    """One JSON object a line; programs that speak TAP count with each of their tests."""
    global passed
    stage = path.name.removesuffix(".meson.json")
    count = 0
    for line in path.read_text().splitlines():
        test = json.loads(line)
        name, output = f"{stage} {test['name']}", test.get("stdout", "")
        points = re.findall(r"^(ok|not ok) \d+(?: -)? ?(.*)$", output, re.M)
        good = test["result"] in ("OK", "EXPECTEDFAIL")
        bad_points = [text for word, text in points if word == "not ok" and "# SKIP" not in text]
        count += max(1, len(points))
        if test["result"] == "SKIP":
            skipped.append(f"{name}: {output.strip().splitlines()[-1] if output.strip() else ''}")
            continue
        for word, text in points:
            if "# SKIP" in text:
                skipped.append(f"{name}: {text}")
            elif word == "ok":
                passed += 1
        if good and not points:
            passed += 1
        if not good:
            failed.extend(f"{name}: {text}" for text in bad_points or [test["result"]])
            print(f"---- {name}: {test['result']}\n{output[-8000:]}{test.get('stderr', '')[-8000:]}")
    return count


def pytest(path):
    global passed
    stage = path.name.removesuffix(".pytest.xml")
    cases = list(ET.parse(path).getroot().iter("testcase"))
    bad = set()
    for case in cases:
        name = f"{stage} {case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            if name not in bad:
                failed.append(name)
            bad.add(name)
        elif case.find("skipped") is not None:
            skipped.append(f"{name}: {case.find('skipped').get('message')}")
        else:
            passed += 1
    return len(cases)


counts = {}
for path in sorted(results.glob("*.meson.json")):
    counts[path.name.split(".")[0]] = meson(path)
for path in sorted(results.glob("*.pytest.xml")):
    counts[path.name.split(".")[0]] = pytest(path)
if (results / "checks").exists():
    for line in (results / "checks").read_text().splitlines():
        if line.startswith("ok "):
            passed += 1
            if line.split()[2] not in ("setup", "compile"):  # a build alone is no test
                counts["checks"] = 1
        elif line.startswith("skip "):
            skipped.append(line.removeprefix("skip "))
        else:
            failed.append(line.removeprefix("not ok "))
# A stage that ended badly without naming a test, or that found no test, has failed as well.
for path in sorted(results.glob("*.exit")):
    stage = path.name.removesuffix(".exit")
    if not counts.get(stage):
        failed.append(f"{stage}: ran no test")
    elif path.read_text().strip() != "0" and not any(name.startswith(stage + " ") for name in failed):
        failed.append(f"{stage}: exit status {path.read_text().strip()}")
for path in sorted(sanitizer.glob("*")):
    failed.append(f"sanitizer report {path}")
    print(f"---- {path}\n{path.read_text(errors='replace')[:8000]}")

for name in skipped:
    print(f"skipped: {name}")
for name in failed:
    print(f"FAILED: {name}")
print(f"all took {seconds} s; logs in {results}")
ran = passed + len(failed)
if not counts and not failed:
    print("no test was run")
print(f"{passed} passed, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else ""))
sys.exit(1 if failed or not ran or not counts or failed_to_build == "yes" else 0)
