"""How much memory there is for processes of our own, in containers too."""

from __future__ import annotations

from pathlib import Path

import pytest

from photoseek.library import processes
from photoseek.library.images import isolation
from photoseek.library.images.isolation import IsolationLimits, fitting_workers
from photoseek.library.processes import control_group_limits, machine_memory_bytes

MB = 1 << 20


def limited(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="ascii")


def test_limits_of_a_group_and_of_those_above_it_are_found(tmp_path: Path) -> None:
    limited(tmp_path / "a/b", "memory.max", "max\n")
    limited(tmp_path / "a", "memory.max", f"{400 * MB}\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/a/b\n", encoding="utf-8")
    assert list(control_group_limits(membership, tmp_path)) == [400 * MB]


def test_a_container_finds_its_group_at_the_root_of_the_mount(tmp_path: Path) -> None:
    limited(tmp_path, "memory.max", f"{400 * MB}\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/docker/0123abc\n", encoding="utf-8")
    assert list(control_group_limits(membership, tmp_path)) == [400 * MB]


def test_the_older_kind_of_groups_is_read_too(tmp_path: Path) -> None:
    limited(tmp_path / "memory/job", "memory.limit_in_bytes", f"{500 * MB}\n")
    limited(tmp_path / "memory", "memory.limit_in_bytes", "9223372036854771712\n")
    membership = tmp_path / "cgroup"
    membership.write_text("8:pids:/\n4:cpu,memory:/job\n", encoding="utf-8")
    assert min(control_group_limits(membership, tmp_path)) == 500 * MB
    assert list(control_group_limits(tmp_path / "none", tmp_path)) == []


def test_memory_is_the_least_of_machine_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "control_group_limits", lambda _membership, _mount: iter([1 << 60, 400 * MB]))
    assert machine_memory_bytes() == 400 * MB
    monkeypatch.setattr(processes, "control_group_limits", lambda _membership, _mount: iter([1 << 60]))
    assert 400 * MB < machine_memory_bytes() < 1 << 60


@pytest.mark.parametrize(("memory_mb", "workers", "share_mb"), [(400, 1, 200), (600, 3, 300), (900, 6, 600)])
def test_in_little_memory_fewer_files_are_decoded_at_once_and_each_may_take_less(
    memory_mb: int, workers: int, share_mb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "machine_memory_bytes", lambda: memory_mb * MB)
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert fitting_workers() == workers
    limits = IsolationLimits.of_machine(workers, timeout_s=5)
    assert limits.memory_bytes <= limits.alone_bytes == share_mb * MB
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert fitting_workers() == min(2, workers)
