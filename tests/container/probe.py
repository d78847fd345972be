"""Runs inside a container and prints what it finds there as JSON."""

import importlib.util
import json
import os
import shutil
import stat
import sys
from pathlib import Path

FOLDERS = ("/", "/app", "/opt/farebox", "/usr", "/etc", "/tmp", "/dev/shm")
PRODUCT = ("service.wsgi", "service.worker", "service.cli")
STRANGERS = (
    *("devstack", "devstack.simulators", "tests"),
    *("pip", "ensurepip", "setuptools", "yaml", "pytest", "moto", "jpype"),
)
BUILD_TOOLS = ("pip", "pip3", "uv", "gcc", "cc", "g++", "make", "ld", "git", "curl", "wget")


def writable(folder: str) -> bool:
    try:
        file = Path(folder) / "probe"
        file.touch()
        file.unlink()
    except OSError:
        return False
    return True


def capabilities() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {
        line.split(":")[0]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")
    }


def setuid_files() -> list[str]:
    found = []
    for folder, folders, names in os.walk("/"):
        folders[:] = [
            name
            for name in folders
            if f"{folder}/{name}".replace("//", "/") not in ("/proc", "/sys", "/dev")
        ]
        for name in names:
            mode = os.lstat(f"{folder}/{name}").st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(f"{folder}/{name}")
    return found


def can_import(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


found = {
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    "uid": os.getuid(),
    "gid": os.getgid(),
    "capabilities": capabilities(),
    "read_only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
    "writable": [folder for folder in FOLDERS if writable(folder)],
    "tools": [name for name in BUILD_TOOLS if shutil.which(name)],
    "setuid": setuid_files(),
    "product": [name for name in PRODUCT if can_import(name)],
    "strangers": [name for name in STRANGERS if can_import(name)],
    "farebox": shutil.which("farebox"),
    "app": sorted(os.listdir("/app")),
}
sys.stdout.write(json.dumps(found))
