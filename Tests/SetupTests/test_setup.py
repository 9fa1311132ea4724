"""The set-up, run for real in a copy of `Scripts`: a made-up Swift, a made-up wheel of torch, and no network."""

from __future__ import annotations

import base64
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "Scripts"
sys.path.insert(0, str(SCRIPTS / "steps"))

import fashion_mnist  # noqa: E402
import wheels  # noqa: E402
from support import SetupError  # noqa: E402

LIBTORCH_FILES = {
    "include/ATen/core/Tensor.h": "",
    "lib/libtorch_cpu.so": "",
    "lib/libtorch_cpu.dylib": "",
    "include/torch/headeronly/version.h": (
        "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n"
    ),
}


class SetupTestCase(unittest.TestCase):
    """Gives each test a repository with nothing but `Scripts`, and a PATH with nothing but what it puts there."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="kfac setup ")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.repository = self.root / "repository"
        self.deps = self.repository / ".deps"
        shutil.copytree(SCRIPTS, self.repository / "Scripts", ignore=shutil.ignore_patterns("__pycache__"))

        self.path = self.root / "bin"
        self.path.mkdir()
        for tool in ("sh", "dirname"):
            (self.path / tool).symlink_to(shutil.which(tool) or self.fail(f"{tool} is not found"))
        self.environment = {
            "PATH": str(self.path),
            "HOME": str(self.root),
            "PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
        }
        self.make_swift("6.3.1")

    def make_swift(self, version: str, cxx_status: int = 0) -> None:
        toolchain = self.root / "toolchain" / "usr"
        information = {
            "compilerVersion": f"Swift version {version} (swift-{version}-RELEASE)",
            "paths": {"runtimeResourcePath": str(toolchain / "lib" / "swift")},
        }
        self.make_command(self.path / "swift", f"echo '{json.dumps(information)}'")
        self.make_command(toolchain / "bin" / "clang++", f"exit {cxx_status}")

    def make_command(self, file: Path, line: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)

    def make_libtorch(self, folder: Path) -> Path:
        for name, text in LIBTORCH_FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    def make_wheel(self, version: str = "2.13.0+cpu") -> None:
        """A wheel that pip installs, in a folder that pip is configured to look in."""
        metadata = f"torch-{version}.dist-info"
        files = {f"torch/{name}": text for name, text in LIBTORCH_FILES.items()} | {
            f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\nRequires-Dist: absent\n",
            f"{metadata}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(
            f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},\n"
            for name, text in files.items()
        )
        folder = self.root / "wheels"
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in (files | {f"{metadata}/RECORD": f"{record}{metadata}/RECORD,,\n"}).items():
                wheel.writestr(name, text)
        self.environment["PIP_FIND_LINKS"] = folder.as_uri()

    def set_up(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.repository / "Scripts" / "setup", *options],
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )

    def assert_refused(self, answer: subprocess.CompletedProcess[str], *words: str) -> None:
        """One line, which says all of the words."""
        self.assertEqual(answer.returncode, 1, answer.stderr)
        self.assertEqual(len(answer.stderr.splitlines()), 1, answer.stderr)
        self.assertTrue(answer.stderr.startswith("setup: error: "), answer.stderr)
        for word in words:
            self.assertIn(word, answer.stderr)


class ToolchainTests(SetupTestCase):
    def test_python_is_missing(self) -> None:
        self.assert_refused(self.set_up(PYTHON="python3"), "python3 is not found", "make PYTHON=")

    def test_swift_is_missing(self) -> None:
        (self.path / "swift").unlink()
        self.assert_refused(self.set_up(), "Swift is not found", "6.3")

    def test_swift_is_too_old(self) -> None:
        self.make_swift("6.2.4")
        self.assert_refused(self.set_up(), "too old", "6.2.4", "6.3")

    def test_cxx_library_is_missing(self) -> None:
        self.make_swift("6.3.1", cxx_status=1)
        self.assert_refused(self.set_up(), "no C++20 standard library", "libstdc++")


class GivenLibtorchTests(SetupTestCase):
    def test_is_used_as_it_is(self) -> None:
        answer = self.set_up(LIBTORCH=str(self.make_libtorch(self.root / "mine")))
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertEqual(answer.stdout, "")
        self.assertFalse((self.deps / "venv").exists())

    def test_other_version_is_a_warning(self) -> None:
        folder = self.make_libtorch(self.root / "mine")
        header = folder / "include/torch/headeronly/version.h"
        header.write_text(header.read_text().replace("MINOR 13", "MINOR 4"))
        answer = self.set_up(LIBTORCH=str(folder))
        self.assertEqual(answer.returncode, 0)
        self.assertIn("version 2.4.0", answer.stderr)

    def test_missing_header_is_an_error(self) -> None:
        folder = self.make_libtorch(self.root / "mine")
        (folder / "include/ATen/core/Tensor.h").unlink()
        self.assert_refused(self.set_up(LIBTORCH=str(folder)), "LIBTORCH", "include/ATen/core/Tensor.h")

    def test_empty_is_the_same_as_unset(self) -> None:
        self.make_wheel()
        answer = self.set_up(LIBTORCH="")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertTrue((self.deps / "libtorch" / "include/ATen/core/Tensor.h").exists())

    def test_relative_path_is_an_error(self) -> None:
        self.assert_refused(self.set_up(LIBTORCH="libtorch"), "LIBTORCH", "absolute")


class InstallationTests(SetupTestCase):
    def test_replaces_what_an_interrupted_one_left_and_is_quiet_when_all_is_there(self) -> None:
        self.make_wheel()
        (self.deps / "venv" / "half").mkdir(parents=True)

        first = self.set_up()
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("2.13.0+cpu, CPU only", first.stdout)
        self.assertFalse((self.deps / "venv" / "half").exists())
        self.assertFalse((self.deps / "tmp").exists())
        target = os.readlink(self.deps / "libtorch")
        self.assertRegex(target, r"^venv/lib\w*/python3\.\d+/site-packages/torch$")
        self.assertTrue((self.deps / "libtorch" / "include/ATen/core/Tensor.h").exists())

        second = self.set_up(PIP_FIND_LINKS="")
        self.assertEqual((second.returncode, second.stdout), (0, ""))

    def test_an_index_that_cannot_be_used_is_told_as_that(self) -> None:
        """What pip says when it is quiet is only that it finds nothing."""
        del self.environment["PIP_NO_INDEX"]
        for index, words in [
            # Nobody listens there, and nobody is asked: pip refuses by the address alone.
            ("https://127.0.0.1:1/simple", "pip could not reach its package index"),
            ("http://index.invalid/simple", "pip does not trust its package index at index.invalid"),
        ]:
            with self.subTest(index):
                self.assert_refused(self.set_up(PIP_INDEX_URL=index, PIP_RETRIES="0"), words)

    def test_waits_for_another(self) -> None:
        self.deps.mkdir()
        with open(self.deps / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = subprocess.Popen(
                [self.repository / "Scripts" / "setup"],
                env=self.environment | {"LIBTORCH": str(self.make_libtorch(self.root / "mine"))},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self.addCleanup(waiting.stdout.close)
            self.assertIn("Waiting for another", waiting.stdout.readline())
            self.assertIsNone(waiting.poll())
        self.assertEqual(waiting.wait(), 0)


class PipTests(unittest.TestCase):
    @staticmethod
    def report(version: str, *requirements: str) -> dict:
        metadata = {"version": version, "requires_dist": list(requirements)}
        return {"install": [{"download_info": {"url": "folder/torch.whl"}, "metadata": metadata}]}

    def test_tells_builds_apart(self) -> None:
        linux = sys.platform.startswith("linux")
        for version, requirements, is_cpu_only in [
            ("2.13.0+cpu", [], True),
            ("2.13.0", ["filelock"], True),
            ("2.13.0", ["filelock", 'nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"'], not linux),
            ("2.13.0", ["cuda-toolkit[cublas]==13.0.3"], not linux),
            ("2.13.0+cu130", [], False),
            ("2.13.0+rocm7.1", [], False),
        ]:
            with self.subTest(version=version, requirements=requirements):
                wheel = wheels.chosen_wheel(self.report(version, *requirements))
                self.assertEqual(wheel, wheels.Wheel("torch.whl", version, is_cpu_only))

    def test_explains_failures(self) -> None:
        no_match = "ERROR: No matching distribution found for torch==2.13.0"
        for output, words in [
            (no_match, "no wheel of torch for this machine"),
            (f"WARNING: Retrying after connection broken by 'NewConnectionError'\n{no_match}", "check the network"),
            (
                "Could not fetch URL https://index/torch/: problem confirming the ssl certificate: (Caused by "
                "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                f"self-signed certificate (_ssl.c:1000)'))) - skipping\n{no_match}",
                "does not trust the certificate of its package index (self-signed certificate)",
            ),
            (
                f"Could not fetch URL https://i/torch/: 403 Client Error: Forbidden for url: x\n{no_match}",
                "refuses to answer (403 Client Error: Forbidden)",
            ),
            (
                f"Could not fetch URL https://i/torch/: 404 Client Error: Not Found for url: x\n{no_match}",
                "no wheel of torch for this machine",
            ),
            ("ERROR: Could not install packages: [Errno 28] No space left on device: 'x'", "disk is full"),
            ("ERROR: Something else.\n", "Something else."),
        ]:
            with self.subTest(output=output):
                self.assertIn(words, wheels.explain(output))


class FashionMNISTTests(SetupTestCase):
    CONTENT = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])

    def setUp(self) -> None:
        super().setUp()
        self.environment["LIBTORCH"] = str(self.make_libtorch(self.root / "mine"))
        self.data = self.deps / "data" / "fashion-mnist"

    def make_apt(self, content: bytes, after_update: bool = False) -> None:
        """An apt and a dpkg that "download" and "unpack" four small files."""
        compressed = self.root / "compressed.gz"
        compressed.write_bytes(gzip.compress(content))
        names = [line.split()[1] for line in (SCRIPTS / "fashion-mnist.sha256").read_text().splitlines()]
        (self.repository / "Scripts" / "fashion-mnist.sha256").write_text(
            "".join(f"{hashlib.sha256(self.CONTENT).hexdigest()}  {name}\n" for name in names)
        )
        for tool in ("cp", "mkdir", "touch"):
            (self.path / tool).symlink_to(shutil.which(tool) or self.fail(f"{tool} is not found"))
        updated = self.root / "updated"
        self.make_command(
            self.path / "apt-get",
            f"""case "$*" in *update) touch '{updated}'; exit ;; esac\n"""
            f"""[ -e '{updated if after_update else "/"}' ] || {{ echo 'E: Unable to locate package'; exit 100; }}\n"""
            f"""touch {fashion_mnist.PACKAGE}_1.deb""",
        )
        self.make_command(
            self.path / "dpkg-deb",
            f"""folder=$3{fashion_mnist.FOLDER_IN_SYSTEM}; mkdir -p "$folder"\n"""
            f"""for name in {" ".join(names)}; do cp '{compressed}' "$folder/$name.gz"; done""",
        )

    @unittest.skipIf(fashion_mnist.FOLDER_IN_SYSTEM.exists(), "the data set is installed on this system")
    def test_fetches_what_is_missing_or_cut_short(self) -> None:
        self.make_apt(self.CONTENT)
        for _ in range(2):
            answer = self.set_up("--require-data")
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertIn("Fashion-MNIST is ready", answer.stdout)
            self.assertEqual([file.read_bytes() for file in self.data.iterdir()], [self.CONTENT] * 4)
            self.assertFalse((self.deps / "apt").exists())
            self.assertEqual(self.set_up("--require-data").stdout, "")
            (self.data / "train-images-idx3-ubyte").write_bytes(self.CONTENT[:-1])

    @unittest.skipIf(fashion_mnist.FOLDER_IN_SYSTEM.exists(), "the data set is installed on this system")
    def test_reads_new_lists_where_the_package_is_unknown(self) -> None:
        self.make_apt(self.CONTENT, after_update=True)
        answer = self.set_up("--require-data")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("reading new ones", answer.stdout)

    @unittest.skipIf(fashion_mnist.FOLDER_IN_SYSTEM.exists(), "the data set is installed on this system")
    def test_refuses_other_content(self) -> None:
        self.make_apt(self.CONTENT + b"!")
        self.assert_refused(self.set_up("--require-data"), "train-images-idx3-ubyte.gz", "SHA-256")
        self.assertFalse(self.data.exists())

    @unittest.skipIf(fashion_mnist.FOLDER_IN_SYSTEM.exists(), "the data set is installed on this system")
    def test_is_an_error_only_where_required(self) -> None:
        answer = self.set_up()
        self.assertEqual(answer.returncode, 0)
        self.assertIn("warning", answer.stderr)
        self.assert_refused(self.set_up("--require-data"), "no apt-get", "kfac train --data FOLDER")

    def test_damaged_archive_is_one_sentence(self) -> None:
        compressed = self.root / "images.gz"
        compressed.write_bytes(gzip.compress(os.urandom(1000))[:-20])
        with self.assertRaisesRegex(SetupError, "images.gz is damaged"):
            fashion_mnist.unpack(compressed, self.root / "images", checksum="")


if __name__ == "__main__":
    unittest.main()
