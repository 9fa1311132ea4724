"""Fashion-MNIST: four IDX files in `.deps/data/fashion-mnist`, from Debian's package `dataset-fashion-mnist`.

The package need not be installed, and root is not needed: apt downloads it, and it is unpacked inside `.deps`.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import shutil
import struct
from pathlib import Path

from support import SetupError, last_line, remove, require_space, run, say

PACKAGE = "dataset-fashion-mnist"
FOLDER_IN_SYSTEM = Path("/usr/share/datasets/fashion-mnist")
REMEDY = (
    "Put its four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
    "t10k-labels-idx1-ubyte) into any folder and pass it to 'swift run -c release kfac train --data FOLDER'."
)


def set_up(deps: Path, checksums: Path) -> None:
    expected = read_checksums(checksums)
    folder = deps / "data" / "fashion-mnist"
    if all(is_whole(folder / name) for name in expected):
        return
    unfinished = folder.with_name("fashion-mnist.unfinished")
    downloads = deps / "apt"
    require_space(deps, gigabytes=0.2, purpose="Fashion-MNIST")
    try:
        installed = all((FOLDER_IN_SYSTEM / f"{name}.gz").exists() for name in expected)
        source = FOLDER_IN_SYSTEM if installed else fetch(downloads)
        remove(unfinished)
        unfinished.mkdir(parents=True)
        for name, checksum in expected.items():
            unpack(source / f"{name}.gz", unfinished / name, checksum)
        # The folder appears under its name only when all of it is there and verified.
        remove(folder)
        unfinished.rename(folder)
    finally:
        remove(downloads)
    say("Fashion-MNIST is ready in .deps/data/fashion-mnist")


def read_checksums(file: Path) -> dict[str, str]:
    """Reads lines of `sha256sum`: the checksum, two spaces, the name."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {name: checksum for checksum, name in lines}


def is_whole(file: Path) -> bool:
    """Is the file as long as its IDX header says? The checksum was compared when it was put there."""
    if not file.is_file():
        return False
    with open(file, "rb") as stream:
        magic = stream.read(4)
        header = stream.read(4 * magic[3]) if len(magic) == 4 else b""
    if len(magic) < 4 or len(header) < 4 * magic[3]:
        return False
    sizes = struct.unpack(f">{magic[3]}I", header)
    return file.stat().st_size == 4 + len(header) + math.prod(sizes)


def unpack(compressed: Path, file: Path, checksum: str) -> None:
    try:
        with gzip.open(compressed) as source, open(file, "wb") as target:
            shutil.copyfileobj(source, target)
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except (EOFError, gzip.BadGzipFile) as error:
        raise SetupError(f"{compressed} is damaged ({error}): remove it or install {PACKAGE} anew.") from None
    if found != checksum:
        raise SetupError(
            f"{compressed} is not the file that is expected: its content has the SHA-256 {found} instead of {checksum}."
        )


def fetch(downloads: Path) -> Path:
    """Has apt download the package and unpacks it; returns the folder with the compressed files."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SetupError(f"Fashion-MNIST is fetched with apt, and this system has no {tool}. {REMEDY}")
    remove(downloads)
    apt = Apt(downloads)
    say(f"Fetching Fashion-MNIST: Debian's package {PACKAGE}, 31 MB")
    package = apt.download(PACKAGE)
    if package is None:
        say("    apt's lists do not lead to it: reading new ones into .deps/apt")
        apt.is_cut_off = False
        apt.update()
        package = apt.download(PACKAGE)
    if package is None:
        reason = "some of its sources cannot be reached: check the network" if apt.is_cut_off else apt.complaint
        raise SetupError(f"apt could not fetch {PACKAGE} ({reason}). {REMEDY}")
    unpacked = downloads / "unpacked"
    answer = run(["dpkg-deb", "-x", package, unpacked])
    if answer.returncode != 0:
        raise SetupError(f"{PACKAGE} could not be unpacked ({last_line(answer.stdout)}). {REMEDY}")
    return unpacked / FOLDER_IN_SYSTEM.relative_to("/")


class Apt:
    """apt with the system's sources and keys, writing to a folder of ours only."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lists = folder / "lists"
        self.configuration = folder / "apt.conf"
        self.complaint = "no message"
        self.is_cut_off = False
        for needed in (self.lists / "partial", folder / "cache" / "archives" / "partial"):
            needed.mkdir(parents=True)
        self.configuration.write_text(
            f'Dir::Cache "{folder / "cache"}";\n'
            # Run by root, apt would download as the user `_apt`, who cannot write here.
            'APT::Sandbox::User "root";\n'
            'Acquire::Languages "none";\n'
            # Its default of 3 takes long where there is no network.
            'Acquire::Retries "1";\n'
            # What the system does after an update is about the system's own lists.
            "#clear APT::Update::Pre-Invoke;\n"
            "#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n"
        )

    def update(self) -> None:
        """Reads lists of our own, used from here on; a source that cannot be read does not hinder the others."""
        with open(self.configuration, "a") as configuration:
            configuration.write(f'Dir::State::Lists "{self.lists}";\n')
        self.run("update")

    def download(self, package: str) -> Path | None:
        self.run("download", package)
        return next(self.folder.glob(f"{package}_*.deb"), None)

    def run(self, *arguments: str) -> None:
        answer = run(["apt-get", "-q", "-c", self.configuration, *arguments], folder=self.folder)
        if "Failed to fetch" in answer.stdout:
            self.is_cut_off = True
        if answer.returncode != 0:
            self.complaint = last_line(answer.stdout, prefix="E:")
