"""What systemd is told of the billing server: it starts with the machine, comes back after a fault, may do little."""

import getpass
import sys
from pathlib import Path

UNIT_NAME = "malote-server.service"

_UNIT = """\
[Unit]
Description=Malote: {name}
Wants=network-online.target
After=network-online.target

[Service]
User={user}
WorkingDirectory={home}
ExecStart="{python}" -m malote serve --config "{settings}"
Restart=always
RestartSec=5
TimeoutStopSec=90
UMask=0027
NoNewPrivileges=true
PrivateTmp=true
PrivateDevices=true
ProtectSystem=strict
ReadWritePaths="{home}"
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectControlGroups=true
RestrictSUIDSGID=true
RestrictRealtime=true
LockPersonality=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def unit(name: str, settings: Path, *, python: str = sys.executable, user: str = "") -> str:
    """The text of the unit of the server whose settings file this is; run as ``user``, by default as who asks."""
    plain = "".join(one if one.isprintable() else " " for one in name)
    return _UNIT.format(
        name=_escaped(plain),
        user=user or getpass.getuser(),
        home=_escaped(str(settings.parent)),
        python=_escaped(python),
        settings=_escaped(str(settings)),
    )


def _escaped(text: str) -> str:
    """systemd reads ``%`` as a specifier, and ``\\`` and ``"`` within quotes."""
    return text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
