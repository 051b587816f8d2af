# SPDX-License-Identifier: Apache-2.0
"""scripts/release and scripts/sbom in a clone that is thrown away. The SBOM's tool may not be there (scripts/sbom says how to get
it); everything else is tried without it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile

import cekd as C
import pytest

VERSION = re.search(r"^  version: '([\d.]+)'", (C.SOURCE / "meson.build").read_text(), re.M)[1]
GIT = {"GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@localhost", "GIT_COMMITTER_NAME": "Test",
       "GIT_COMMITTER_EMAIL": "test@localhost", "GIT_CONFIG_NOSYSTEM": "1"}

pytestmark = pytest.mark.skipif(shutil.which("git") is None or not (C.SOURCE / ".git").exists(), reason="no checkout of git")


class Clone:
    def __init__(self, where):
        self.where = where
        self.out = where.parent / f"{where.name}-out"
        subprocess.run(["git", "clone", "-q", "--no-tags", C.SOURCE, where], check=True)
        for name in ("scripts/release", "scripts/sbom", "CHANGELOG.md", "meson.build", "client/meson.build"):
            shutil.copy2(C.SOURCE / name, where / name)  # as they are now
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "as it is now", date="2026-01-02T03:04:05Z")

    def git(self, *args, date=None):
        env = os.environ | GIT | {"HOME": str(self.where.parent)}
        if date:
            env |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return subprocess.run(["git", "-C", self.where, *args], check=True, capture_output=True, text=True, env=env).stdout

    def release(self, *args, version=VERSION, **env):
        return C.run([self.where / "scripts" / "release", "--build", C.BUILD, "--out", self.out, *args, version], check=False,
                     env=os.environ | GIT | {"HOME": str(self.where.parent)} | env)

    def tested(self):
        """As scripts/test leaves it."""
        (self.where / "build-test").mkdir(exist_ok=True)
        (self.where / "build-test" / "passed").write_text(self.git("rev-parse", "HEAD"))


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture(scope="session")
def sbom_tool():
    python = os.environ.get("CEKD_SBOM_PYTHON", "/usr/bin/python3")
    if subprocess.run([python, "-c", "import cyclonedx"], capture_output=True).returncode != 0:
        pytest.skip("cyclonedx-python-lib is not installed: see scripts/sbom")


def test_dry_run(clone, tmp_path):
    """It says what is missing, makes the files, and no tag. The archive is the same in another place, at another time."""
    done = clone.release("--dry-run")
    assert done.returncode == 0, done
    assert "NOT READY: scripts/test has not passed" in done.stderr and "Dry run" in done.stdout
    assert clone.git("tag") == ""
    other = Clone(tmp_path / "an" / "other")
    assert other.git("rev-parse", "HEAD") == clone.git("rev-parse", "HEAD")
    os.utime(other.where / "meson.build", (1, 1))
    other.release("--dry-run", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", GZIP="")
    name = f"cekd-{VERSION}.tar.gz"
    archive = (clone.out / name).read_bytes()
    assert archive == (other.out / name).read_bytes()
    sums = dict(line.split()[::-1] for line in (clone.out / "SHA256SUMS").read_text().splitlines())
    assert sums[name] == hashlib.sha256(archive).hexdigest()
    with tarfile.open(clone.out / name) as tar:
        names = {member.name for member in tar.getmembers() if member.isfile()}
        assert names == {f"cekd-{VERSION}/{path}" for path in clone.git("ls-files").splitlines()}
        assert {member.uname for member in tar.getmembers()} == {"root"}


def test_what_stops_a_release(clone):
    (clone.where / "README.md").write_text("changed")
    done = clone.release("--no-sign", version="99.0.0")
    assert done.returncode == 1 and not clone.out.exists()
    for what in ("not committed", "meson.build says", "client/meson.build says", "CHANGELOG.md has no heading",
                 "scripts/test has not passed"):
        assert what in done.stderr, what
    assert clone.release("--no-sign", version="next").returncode == 2
    clone.git("checkout", "-q", "README.md")
    clone.tested()
    done = clone.release(GNUPGHOME=str(clone.where / ".git"))
    assert done.returncode == 1 and "no secret key" in done.stderr and done.stderr.count("NOT READY") == 1, done.stderr
    assert clone.git("tag") == ""


@pytest.mark.usefixtures("sbom_tool")
def test_release_without_a_signature(clone):
    clone.tested()
    done = clone.release("--no-sign")
    assert done.returncode == 0, done
    assert clone.git("cat-file", "-t", f"v{VERSION}") == "tag\n"
    text = clone.git("tag", "-l", "--format=%(contents)", f"v{VERSION}")
    assert text.startswith(f"cekd {VERSION}\n") and "### Added" in text and "## [" not in text
    done = clone.release("--no-sign")
    assert done.returncode == 1 and "there is a tag" in done.stderr


@pytest.mark.usefixtures("sbom_tool")
@pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg")
def test_signed_release(clone):
    home = C.folder("cekd-gpg-")
    home.chmod(0o700)
    env = {"GNUPGHOME": str(home)}
    try:
        C.run(["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "Test <test@localhost>", "ed25519", "sign"],
              env=os.environ | env)
        clone.tested()
        clone.git("config", "user.signingkey", "test@localhost")
        done = clone.release(**env)
        assert done.returncode == 0, done
        for command in (["git", "-C", clone.where, "verify-tag", f"v{VERSION}"],
                        ["gpg", "--verify", clone.out / "SHA256SUMS.asc", clone.out / "SHA256SUMS"]):
            assert "Good signature" in C.run(command, env=os.environ | env).stderr
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=os.environ | env)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.usefixtures("sbom_tool")
def test_sbom(clone):
    """CycloneDX 1.5, which the tool itself has compared with the schema; here, that it tells the truth."""
    assert "not compared" not in clone.release("--dry-run").stderr
    path = clone.out / f"cekd-{VERSION}.cdx.json"
    first = path.read_bytes()
    clone.release("--dry-run")
    assert path.read_bytes() == first
    bom = json.loads(first)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    assert bom["metadata"]["component"]["version"] == VERSION
    assert bom["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"
    parts = {part["bom-ref"]: part for part in bom["components"]}
    debian = [part for part in parts.values() if part.get("purl", "").startswith("pkg:deb/")]
    for part in debian:
        form = "${Version} ${Architecture}"
        version, arch = C.run(["dpkg-query", "-W", "-f", form, part["name"]]).stdout.split()
        assert part["version"] == version and f"arch={arch}" in part["purl"]
    assert all(part["licenses"] for part in parts.values())
    assert {part["name"].rstrip("0123456789") for part in debian} >= {"libc", "libjansson", "libseccomp", "libprotobuf-c"}
    uses = {edge["ref"]: edge.get("dependsOn", []) for edge in bom["dependencies"]}
    assert all(ref in parts for refs in uses.values() for ref in refs)
    names = {ref: {parts[used]["name"] for used in refs} for ref, refs in uses.items()}
    assert not any("ssl" in name or "p11" in name for name in names[f"cekd-broker@{VERSION}"])
    assert any("p11-kit" in name for name in names[f"cekd-token@{VERSION}"])
    assert set(PROGRAMS) <= {part["name"] for part in parts.values()}


PROGRAMS = (*C.PROGRAMS, "cekctl", "libcek.so.0", "libcek-jose.so.0")


def test_no_sbom_without_its_tool(clone):
    """It says so and how to get it; there is no release without one."""
    clone.tested()
    none = {"CEKD_SBOM_PYTHON": "/usr/bin/python3", "PYTHONPATH": str(clone.where / "none")}
    (clone.where / "none" / "cyclonedx").mkdir(parents=True)
    (clone.where / "none" / "cyclonedx" / "__init__.py").write_text("raise ImportError('none')")
    (clone.where / ".git" / "info" / "exclude").write_text("none/\n")
    done = clone.release("--no-sign", **none)
    assert done.returncode == 1 and "pip install" in done.stderr and "there is no SBOM" in done.stderr
    assert clone.git("tag") == ""
