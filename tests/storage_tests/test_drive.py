"""A network drive is known by its file system's type."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from storage.drive import network_drive

Mount = Callable[..., None]


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Mount:
    """Makes the system say that these file systems are mounted, in this order."""

    def run(*mounts: tuple[Path | str, str]) -> None:
        said = [SimpleNamespace(mountpoint=str(path), fstype=kind) for path, kind in mounts]
        monkeypatch.setattr(psutil, "disk_partitions", lambda **options: said)

    return run


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "fuse.sshfs"]
)
def test_types_of_network_drives_are_known(mount: Mount, tmp_path: Path, kind: str) -> None:
    mount(("/", "ext4"), (tmp_path, kind))
    assert network_drive(tmp_path / "dampen.db") == kind


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "apfs", "NTFS", "fuseblk", ""]
)
def test_local_disks_are_not_network_drives(mount: Mount, tmp_path: Path, kind: str) -> None:
    mount(("/", "nfs4"), (tmp_path, kind))
    assert network_drive(tmp_path / "dampen.db") is None


def test_innermost_mount_decides_and_of_two_at_one_place_the_later(
    mount: Mount, tmp_path: Path
) -> None:
    mount((tmp_path / "a", "nfs4"), ("/", "ext4"), (tmp_path / "ab", "cifs"))
    assert network_drive(tmp_path / "a" / "deep" / "dampen.db") == "nfs4"
    assert network_drive(tmp_path / "abc" / "dampen.db") is None
    mount((tmp_path, "nfs4"), (tmp_path, "ext4"))
    assert network_drive(tmp_path / "dampen.db") is None


def test_links_are_followed(mount: Mount, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    mount(("/", "ext4"), (tmp_path / "far", "nfs4"))
    assert network_drive(tmp_path / "near" / "dampen.db") == "nfs4"


def test_this_machine_answers(tmp_path: Path) -> None:
    assert network_drive(tmp_path) is None, "the tests run on a local disk"
