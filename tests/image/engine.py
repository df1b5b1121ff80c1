"""Builds the worker image with buildah, and runs it: as its user, on a read-only root file system.

No container runtime runs in every place where these tests do (crun refuses some kinds of cgroups), so a container is
made of what the kernel offers: namespaces of its own for mounts, processes and, when asked, the network; and chroot.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.base import make_base

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "worker" / "Dockerfile"
LOCKS = ("worker/requirements.txt", "worker/requirements-sbom.txt", "worker/requirements-build.txt")
_SECONDS = 300
_CONTAINER = """
set -e
root=$1 workdir=$2 user=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
if [ -n "$TASK_FOLDER" ]; then mount --bind "$TASK_FOLDER" "$root/tmp"; fi
unset TASK_FOLDER OLDPWD PWD
exec chroot --userspec="$user" --groups= "$root" "$@"
"""


@dataclass(frozen=True, slots=True)
class Container:
    """A root file system, and how the image says that it is to be run."""

    root: Path
    user: str
    environment: Mapping[str, str]
    entry_point: tuple[str, ...]
    working_directory: str

    def run(
        self, *arguments: str, network: bool, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the entry point with arguments.

        Parameters
        ----------
        network
            Whether it sees the network of this process; otherwise it has none, not even a loopback interface.
        folder
            A folder that it has as ``/tmp``, its only place to write; by default memory.
        """
        namespaces = ["unshare", "--mount", "--pid", "--fork", *([] if network else ["--net"])]
        place = [str(self.root), self.working_directory, self.user]
        return subprocess.run(
            [*namespaces, "/bin/sh", "-c", _CONTAINER, "container", *place, *self.entry_point, *arguments],
            env={**self.environment, **(environment or {}), "TASK_FOLDER": str(folder or "")},
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )


class Builder:
    """buildah over a store of its own, in a folder that is removed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = folder / "storage.conf"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").touch()
        for driver in ("overlay", "vfs"):  # overlay cannot stand on itself, as in a CI job that is a container
            places = f'graphroot = "{folder / driver}"\nrunroot = "{folder / "run"}"\n'
            self._store.write_text(f'[storage]\ndriver = "{driver}"\n{places}')
            if self._call("info", check=False).returncode == 0:
                break

    def base(self) -> str:
        """Make a base image out of this machine; return its name."""
        root = self._folder / "base"
        make_base(root)
        name = self.take(root)
        shutil.rmtree(root)
        return name

    def take(self, root: Path) -> str:
        """Make a base image of a folder; return its name."""
        container = self.call("from", "scratch")
        self.call("copy", "--quiet", container, str(root), "/")
        self.call("commit", "--quiet", container, "localhost/base:here")
        self.call("rm", container)
        return "localhost/base:here"

    def build(self, base: str, *options: str) -> str:
        """Build the worker image, with packages that were fetched before; return its id."""
        built = ["--timestamp", "0", "--build-arg", f"BASE={base}", *options]
        self._offer_wheels()
        return self.call("build", "--quiet", *built, "--file", str(DOCKERFILE), str(ROOT)).splitlines()[-1]

    def batchjson(self, *arguments: str) -> Any:
        """Run ``batchjson image …`` with this store; return its document."""
        self._offer_wheels()
        program = str(Path(sys.executable).with_name("batchjson"))
        command = [program, "image", *arguments, "--engine", "buildah", "--json"]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    def _offer_wheels(self) -> None:
        """Have every build find the packages, and no other place to get them from."""
        wheels, settings = self._folder / "wheels", self._folder / "pip.conf"
        if not wheels.exists():
            fetch_wheels(wheels)
        settings.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        volumes = [f"{wheels}:/wheels:ro", f"{settings}:/etc/pip.conf:ro"]
        (self._folder / "containers.conf").write_text(f"[containers]\nvolumes = {json.dumps(volumes)}\n")

    @contextmanager
    def container(self, image: str) -> Iterator[Container]:
        """Make a container of an image, to be run any number of times."""
        config = self.config(image)
        name = self.call("from", image)
        root = Path(self.call("mount", name))
        try:
            variables = dict(each.split("=", 1) for each in config["Env"])
            yield Container(root, config["User"], variables, tuple(config["Entrypoint"]), config["WorkingDir"])
        finally:
            self.call("umount", name)
            self.call("rm", name)

    def config(self, image: str) -> dict[str, Any]:
        """What an image says of itself."""
        config: dict[str, Any] = json.loads(self.call("inspect", "--type", "image", image))["OCIv1"]["config"]
        return config

    def call(self, *arguments: str) -> str:
        """Run buildah; return what it printed."""
        done = self._call(*arguments)
        assert done.returncode == 0, f"buildah {arguments[0]}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def close(self) -> None:
        """Remove all that was made."""
        self._call("rm", "--all")
        self._call("rmi", "--all", "--force")
        for driver in ("overlay", "vfs"):
            subprocess.run(
                ["umount", str(self._folder / driver / driver)], capture_output=True, check=False, timeout=60
            )
        shutil.rmtree(self._folder)

    def _call(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        command = ["buildah", *arguments]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=check, timeout=_SECONDS
        )

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": str(self._folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self._store),
            "TMPDIR": str(self._folder),
        }


def fetch_wheels(folder: Path) -> None:
    """Fetch what the image installs, as pip is set up here: the build itself then needs no network and no set-up."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for lock in LOCKS:
        place = ["--dest", str(folder), "--requirement", lock]
        subprocess.run([*command, *place], cwd=ROOT, check=True, capture_output=True, timeout=_SECONDS)
