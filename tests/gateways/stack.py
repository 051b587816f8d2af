# SPDX-License-Identifier: Apache-2.0
"""Everything behind a gateway: a real cekd with the key "api", cek-auth, an upstream, an issuer."""

import contextlib

import gateways
import rig


class Stack:
    """daemon, issuer, signers (a file), public (a JWK of cekd), upstream, auth (a running cek-auth)."""

    def __init__(self, daemon, where, cleanup):
        self.daemon = daemon
        self.issuer = rig.Issuer()
        self.signers = where / "signers.json"
        self.signers.write_text(self.issuer.signers())
        daemon.cekctl("key", "create", rig.KEY, "--alg", "RSA-OAEP-256", "--size", "2048")
        self.public = rig.public_jwk(daemon)
        self.upstream = rig.Upstream()
        cleanup.callback(self.upstream.stop)
        self.auth = gateways.CekAuth()
        self.auth.other = True
        cleanup.enter_context(self.auth.serve(where, daemon.socket, self.signers))

    def token(self, **changes):
        """(token, inner JWT): see Issuer.jwt()."""
        inner = self.issuer.jwt(**changes)
        return rig.encrypt(inner, self.public), inner

    def sized(self, length):
        """The same; the token has about so many bytes. Base64url twice makes 16 bytes of 9."""
        return self.token(pad=(length - len(self.token()[0])) * 9 // 16)

    def ask_auth(self, path, token):
        """What cek-auth itself says: a status."""
        return rig.ask(self.auth.socket, [rig.bearer(token)], path=path).status

    @contextlib.contextmanager
    def gateway(self, kind):
        """Running; it asks this stack's cek-auth or cekd."""
        gateway = kind()
        with rig.folder() as where, gateway.run(where, self.upstream.port, self.auth.socket, self):
            yield gateway


@contextlib.contextmanager
def stacked(daemon):
    with rig.folder("cek-auth-") as where, contextlib.ExitStack() as cleanup:
        yield Stack(daemon, where, cleanup)
