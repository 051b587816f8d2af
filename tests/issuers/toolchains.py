# SPDX-License-Identifier: Apache-2.0
"""How each issuer is had: with its own language's package manager, into the build folder, once. Missing says what is not there."""

import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
import zipfile

import cekd as C

HERE = C.SOURCE / "tests" / "issuers"
WHERE = C.BUILD / "issuers"
KEYCLOAK = "26.4.0"
JAVA = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]


class Missing(Exception):
    """This issuer cannot be had here."""


def tried_once(get):
    """What cannot be had is not asked for again by the next issuer of the same language."""
    @functools.cache
    def outcome():
        try:
            return get(), None
        except Missing as missing:
            return None, str(missing)

    def had():
        value, missing = outcome()
        if missing:
            raise Missing(missing)
        return value
    return had


def _version(*command):
    """The first number of what the command says of its version, as a tuple."""
    if not shutil.which(command[0]):
        raise Missing(f"no {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=C.PATIENCE)
    found = re.search(r"(\d+)\.(\d+)", done.stdout + done.stderr)
    if done.returncode != 0 or not found:
        raise Missing(f"{' '.join(command)} does not work")
    return int(found[1]), int(found[2])


def _at_least(lowest, *command):
    version = _version(*command)
    if version < lowest:
        raise Missing(f"{command[0]} {version[0]}.{version[1]} is older than {lowest[0]}.{lowest[1]}")


def _must(what, command, **kwargs):
    try:
        done = subprocess.run([str(arg) for arg in command], capture_output=True, text=True, timeout=C.PATIENCE * 2, **kwargs)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{what} cannot be had: {command[0]} took more than {error.timeout} s") from None
    if done.returncode != 0:
        raise Missing(f"{what} cannot be had: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]}")


def _once(name, make):
    """WHERE/name, filled by make(folder); again when the sources of tests/issuers/name are others than then."""
    folder, sources = WHERE / name, sorted(path for path in (HERE / name).rglob("*") if path.is_file() and path.suffix != ".pyc")
    mark, state = folder / "made", "".join(f"{path.relative_to(HERE)}\n{path.read_text()}\n" for path in sources)
    WHERE.mkdir(exist_ok=True)
    with open(WHERE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != state:
            shutil.rmtree(folder, ignore_errors=True)
            if sources:
                shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                folder.mkdir()
            make(folder)
            mark.write_text(state)
    return folder


@tried_once
def python():
    """An interpreter with what requirements.txt names beside Debian's own packages."""
    def make(folder):
        _must("a virtual environment", [sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", folder / "venv"])
        pip = ["python3", "-m", "pip"]
        if subprocess.run([*pip, "--version"], capture_output=True).returncode != 0:
            raise Missing("no pip")
        _must("Authlib", [*pip, "--python", folder / "venv" / "bin" / "python", "install", "--quiet", "--no-input", "-r",
                          folder / "requirements.txt"])
    return [_once("python", make) / "venv" / "bin" / "python"]


@tried_once
def node():
    _at_least((20, 0), "node", "--version")
    _version("npm", "--version")
    folder = _once("node", lambda folder: _must("oidc-provider", [
        "npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]))
    return ["node", "--import", folder / "clock.mjs"], folder


@tried_once
def go():
    _at_least((1, 25), "go", "version")
    env = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -trimpath"}

    def make(folder):
        _must("go-jose", ["go", "mod", "download"], cwd=folder, env=env)
        C.run(["go", "build", "-o", f"{folder}/bin/", "./gojose", "./jwx"], cwd=folder, env=env)
    return _once("go", make) / "bin"


def _java(name, what):
    def make(folder):
        _must(what, ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/jars", "-DincludeScope=runtime"],
              cwd=folder)
        C.run(["javac", "-d", folder / "classes", "-cp", f"{folder}/jars/*", *folder.glob("*.java")])
    _at_least((17, 0), "java", "-version")
    _version("javac", "-version")
    _version("mvn", "--version")
    folder = _once(name, make)
    return [*JAVA, f"{folder}/jars/*:{folder}/classes"]


@tried_once
def java():
    return _java("java", "nimbus-jose-jwt")


@tried_once
def spring():
    return _java("spring", "spring-security-oauth2-jose")


def keycloak():
    """The folder of Keycloak's distribution."""
    def make(folder):
        _must("Keycloak", ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip",
                           f"-DoutputDirectory={folder}"], cwd=folder)
        (archive,) = folder.glob("*.zip")
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(folder)
        archive.unlink()
    _at_least((17, 0), "java", "-version")
    _version("mvn", "--version")
    return _once(f"keycloak-{KEYCLOAK}", make) / f"keycloak-{KEYCLOAK}"
