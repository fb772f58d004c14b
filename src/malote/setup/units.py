"""What systemd is told of the billing server: it starts with the machine, comes back after a fault, may do little."""

import getpass
import sys
from pathlib import Path

UNIT_NAME = "malote-server.service"
ENVIRONMENT_NAME = "malote.env"  # of the home folder: what the service is told besides its settings

# What it says of safety and of restarts is as in packaging/systemd/malote-server.service, and a test holds them equal.
_UNIT = """\
[Unit]
Description=Malote: {name}
Wants=network-online.target
After=network-online.target local-fs.target postgresql.service
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
WorkingDirectory={home}
# What is kept out of the settings, as MALOTE_ERP_URL=address: the file is its owner's alone (chmod 600).
EnvironmentFile=-{home}/{environment}
ExecStart="{python}" -m malote serve --config "{settings}"
Restart=always
RestartSec=5
# 2: a setting is wrong; trying again can't mend it.
RestartPreventExitStatus=2
TimeoutStopSec=90
UMask=0027
SyslogIdentifier=malote-server

NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths="{home}"
# Not "yes": the home of this server, or its Python, may lie under /home.
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
# Each till holds a connection or two; see server.connections.
LimitNOFILE=8192

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
        environment=ENVIRONMENT_NAME,
        python=_escaped(python),
        settings=_escaped(str(settings)),
    )


def _escaped(text: str) -> str:
    """systemd reads ``%`` as a specifier, and ``\\`` and ``"`` within quotes."""
    return text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
