"""The packages that depend on this one, in clones of any name: SwiftPM knows a package by the last name of its path."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEPENDENTS = ("Examples",)


class CloneTests(unittest.TestCase):
    @unittest.skipIf(shutil.which("swift") is None, "Swift is not found")
    def test_a_clone_may_be_called_like_a_package_in_it(self) -> None:
        for name, dependent in [("examples", "Examples")]:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                clone = Path(folder) / name
                for file in ("Package.swift", *(f"{package}/Package.swift" for package in DEPENDENTS)):
                    (clone / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(REPOSITORY / file, clone / file)
                for package in DEPENDENTS:
                    link = REPOSITORY / package / "swift-kfac"
                    (clone / package / "swift-kfac").symlink_to(link.readlink())
                answer = subprocess.run(
                    ["swift", "package", "--package-path", clone / dependent, "dump-package"],
                    capture_output=True,
                    check=True,
                )
                (dependency,) = json.loads(answer.stdout)["dependencies"]
                (location,) = dependency["fileSystem"]
                self.assertEqual(location["identity"], "swift-kfac")
                # What the package itself is known by.
                self.assertNotEqual(location["identity"], (clone / dependent).name.lower())
                self.assertEqual(Path(location["path"]).resolve(), clone.resolve())

    def test_links_lead_to_this_package(self) -> None:
        for package in DEPENDENTS:
            self.assertEqual((REPOSITORY / package / "swift-kfac").resolve(), REPOSITORY)


if __name__ == "__main__":
    unittest.main()
