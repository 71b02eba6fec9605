"""Kamailio as registrar and authenticating proxy over UDP, TCP and TLS, on free ports."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from movoice_box.domain.trunk import Transport
from tests.peers.authority import Certificate
from tests.peers.sipp import PASSWORD
from tests.peers.sockets import free_port, is_listening

_INSTALL = "apt install kamailio kamailio-tls-modules, or deselect with -m 'not peer'"
_TLS_MODULE = "lib*/*/kamailio/modules/tls.so"  # on Debian: lib/x86_64-linux-gnu

# REGISTER is challenged with 401 and INVITE with 407, but for the user `desk`. A number goes on to
# the gateway, a name to where it is registered.
_CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
enable_tls={with_tls}
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
{listen_tls}
mpath="{modules}"
{load_tls}
loadmodule "tm.so"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "xlog.so"
modparam("usrloc", "db_mode", 0)
modparam("tm", "fr_timer", 5000)
request_route {{
  xlog("L_ERR", "seen $rm from $si by $proto user $rU\\n");
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("481", "No Such Dialog"); exit;
  }}
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  $var(password) = "{password}";
  if (is_method("REGISTER")) {{
    if (!pv_www_authenticate("$td", "$var(password)", "0")) {{ www_challenge("$td", "1"); exit; }}
    save("location"); exit;
  }}
  if (is_method("INVITE") && $fU != "desk") {{
    if (!pv_proxy_authenticate("$fd", "$var(password)", "0")) {{
      proxy_challenge("$fd", "1"); exit;
    }}
    consume_credentials();
  }}
  if (is_method("INVITE")) record_route();
  if ($rU =~ "^\\+?[0-9]+$") {{ $du = "sip:127.0.0.1:{gateway}"; t_relay(); exit; }}
  if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
  t_relay();
}}
"""


@dataclass(frozen=True)
class Kamailio:
    port: int
    tls_port: int
    folder: Path

    def address(self, transport: Transport) -> tuple[str, int]:
        return "127.0.0.1", self.tls_port if transport is Transport.TLS else self.port

    @property
    def seen(self) -> str:
        """A line for each request: its method, source, transport and user."""
        lines = (self.folder / "kamailio.log").read_text(errors="replace").splitlines()
        return "\n".join(line[line.index("seen ") :] for line in lines if "seen " in line)


@asynccontextmanager
async def kamailio(
    folder: Path,
    gateway: int = 9,
    certificate: Certificate | None = None,
    ports: tuple[int, int] | None = None,
    tls_method: str = "TLSv1.2+",
) -> AsyncIterator[Kamailio]:
    """Calls to numbers go on to 127.0.0.1:`gateway`; TLS needs a `certificate`.

    `ports` (of UDP with TCP, and of TLS) are those of one that was there before.
    """
    program = shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    modules = _modules()
    if program is None or modules is None:
        pytest.fail(f"Kamailio is missing: {_INSTALL}")
    server = Kamailio(*(ports or (free_port(), free_port())), folder)
    (folder / "kamailio.cfg").write_text(_config(server, modules, gateway, certificate, tls_method))
    with (folder / "kamailio.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"),
            *("-Y", str(folder), "-P", str(folder / "kamailio.pid")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(20):
            while not is_listening(server.tls_port if certificate else server.port):
                assert process.returncode is None, (folder / "kamailio.log").read_text()
                await asyncio.sleep(0.02)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()  # it ends its children
        await process.wait()


def _modules() -> Path | None:
    """Where they are depends on the machine's architecture."""
    return next((tls.parent for tls in Path("/usr").glob(_TLS_MODULE)), None)


def _config(
    server: Kamailio, modules: Path, gateway: int, certificate: Certificate | None, tls_method: str
) -> str:
    load_tls = ""
    if certificate:
        load_tls = (
            'loadmodule "tls.so"\n'
            f'modparam("tls", "tls_method", "{tls_method}")\n'
            f'modparam("tls", "certificate", "{certificate.chain}")\n'
            f'modparam("tls", "private_key", "{certificate.key}")'
        )
    return _CONFIG.format(
        port=server.port,
        gateway=gateway,
        modules=modules,
        password=PASSWORD,
        with_tls="yes" if certificate else "no",
        listen_tls=f"listen=tls:127.0.0.1:{server.tls_port}" if certificate else "",
        load_tls=load_tls,
    )
