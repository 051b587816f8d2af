"""Objects that other programs and ceremonies put into the token, by pkcs11-tool."""

import os
import subprocess

import cekd as C
from cekd import pb


def p11(daemon, *args):
    """pkcs11-tool on the daemon's token; what it makes belongs to the worker's uid."""
    subprocess.run(["pkcs11-tool", "--module", C.MODULE, "--token-label", "cekd", "--login", "--pin",
                    daemon.token.pin_file.read_text().strip(), *args],
                   check=True, capture_output=True, timeout=C.PATIENCE,
                   env=os.environ | {"SOFTHSM2_CONF": str(daemon.token.conf)})
    if C.ROOT:
        for path in daemon.token.tokens.glob("*/*"):
            if path.name not in ("token.object", "token.lock"):
                os.chown(path, C.UID_TOKEN, C.UID_TOKEN)


def pair(daemon, kind, id, label, usage):
    p11(daemon, "--keypairgen", "--key-type", kind, "--id", id, "--label", label, usage)


def findings(daemon):
    with daemon.client() as client:
        return client.ok(fsck=pb.FsckRequest()).fsck.finding


def test_ec_key_without_public_half(daemon):
    """Refused with the reason; the worker lives, no change is open, and nobody says that the key is to be deleted."""
    pair(daemon, "EC:prime256v1", "41", "ceremony", "--usage-derive")
    p11(daemon, "--delete-object", "--type", "pubkey", "--id", "41")
    before = daemon.workers("manage")
    for which in (["--id", "41"], ["--label", "ceremony"]):
        adopted = daemon.cekctl("key", "adopt", "e", "--alg", "ECDH-ES", "--insist", *which, check=False)
        assert adopted.returncode == 1 and "public key object" in adopted.stderr, adopted.stderr
    assert "signal" not in daemon.log_text()
    assert not [text for text in daemon.status().warning if "began and did not end" in text]
    assert [(f.kind, f.cka_id) for f in findings(daemon)] == [("foreign", b"\x41")]
    assert "delete" not in daemon.cekctl("fsck", check=False).stdout
    after = daemon.workers("manage")
    assert len(after) == 1 and (not before or before == after)
