"""Which drives are reached over a network, where SQLite's locks cannot be relied on.

Write-ahead logging needs memory that all processes share, and file locks that hold; over a network
there is neither, and two machines that write one file damage it. Next: `doctor.py` says so.
"""

from pathlib import Path

import psutil

from storage.url import database_file

_NETWORK_TYPES = {
    *("9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "virtiofs"),
    *("webdav", "wekafs"),
}
_NETWORK_FAMILIES = ("nfs", "smb", "davfs")  # nfs4, smbfs, smb3, davfs2 ...
# Served by a program: some are local disks (ntfs-3g), these are not.
_FUSE = ("sshfs", "s3fs", "gcsfuse", "glusterfs", "ceph", "rclone", "davfs", "smb", "juicefs")


def network_drive(path: Path) -> str | None:
    """Returns the file system's type, such as `nfs4`, if the path lies on a network drive.

    None for a local disk, and where the system does not say.
    """
    resolved = path.resolve()
    found, depth = "", -1
    for partition in psutil.disk_partitions(all=True):
        mounted = Path(partition.mountpoint)
        # Of two mounts at one place the later one is seen.
        if resolved.is_relative_to(mounted) and len(mounted.parts) >= depth:
            found, depth = partition.fstype, len(mounted.parts)
    return found if _is_network(found.lower()) else None


def drive_warning(url: str) -> str | None:
    """Returns a sentence if a resolved URL names a file on a network drive."""
    file = database_file(url)
    kind = network_drive(file.parent) if file is not None else None
    if kind is None:
        return None
    return (
        f"The database is on a network drive ({kind}), where locks cannot be relied on: two "
        "machines that write to it can damage it. Keep it on a local disk, or use PostgreSQL."
    )


def _is_network(kind: str) -> bool:
    if kind.startswith("fuse."):
        return any(name in kind for name in _FUSE)
    return kind in _NETWORK_TYPES or kind.startswith(_NETWORK_FAMILIES)
