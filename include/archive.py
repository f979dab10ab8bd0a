"""The archive of a release (a tar) in a folder, so that nothing in it reaches outside."""

import io
import subprocess
import tarfile
from pathlib import Path

from include.errors import InputError

MAX_FILES = 200_000
MAX_BYTES = 2 * 1024**3


def extract(content: bytes, folder: Path) -> list[str]:
    """Unpack the tar `content` into the new `folder`; returns the names that were left out.

    Left out is what a release has no use for and an attacker has: absolute names, links that lead out of the folder, devices.
    Links come last, so no file is ever written through one. Raises InputError where the tar is broken or too big.
    """
    folder.mkdir(parents=True)
    left_out: list[str] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            members = _bounded(archive)
            for member in sorted(members, key=lambda member: member.issym() or member.islnk()):
                try:
                    archive.extract(member, folder, filter="data")
                except (tarfile.FilterError, FileExistsError):
                    left_out.append(member.name)
    except tarfile.TarError as error:
        raise InputError(f"the archive is broken: {error}") from error
    return left_out


def _bounded(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    size = 0
    for member in archive:
        members.append(member)
        size += member.size
        if len(members) > MAX_FILES or size > MAX_BYTES:
            raise InputError(f"the archive holds more than {MAX_FILES:,} files or {MAX_BYTES:,} bytes")
    return members


def remove(folder: Path) -> None:
    """Remove `folder` if it is there, however deep it is and whatever rights it was left with."""
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwX", str(folder)], capture_output=True)
        subprocess.run(["rm", "-rf", "--", str(folder)], check=True)
