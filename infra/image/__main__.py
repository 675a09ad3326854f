"""`python -m infra.image build | rootfs | check | push | lock`: needs nothing but the standard library, apt and uv."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from infra.image import check, debian, oci, push, source
from infra.image.build import NAME, Builder

CACHE = source.REPOSITORY / ".state" / "image"


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m infra.image", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where stages are kept")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the OCI layout (and an archive)")
    build.add_argument("--tag", default=f"{NAME}:dev")
    build.add_argument("--output", type=Path, help="folder of the layout")
    build.add_argument("--archive", type=Path, help="also as one file")
    root = commands.add_parser("rootfs", help="lay out the root file system, for the Dockerfile")
    root.add_argument("target", type=Path)
    commands.add_parser("check", help="import every module and print every form with the image's own Python")
    send = commands.add_parser("push", help="push a layout to a registry")
    send.add_argument("reference", help="registry/name:tag")
    send.add_argument("--layout", type=Path)
    send.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    commands.add_parser("lock", help="record the newest Debian packages")
    given = parser.parse_args()

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    match given.command:
        case "lock":
            debian.LOCK.write_text(debian.lock(), encoding="utf-8")
        case "rootfs":
            Builder(given.cache, report).root(given.target)
        case "check":
            with tempfile.TemporaryDirectory() as folder:
                print("\n".join(check.check(Builder(given.cache, report).root(Path(folder) / "root"))))
        case "build":
            layout = given.output or given.cache / "layout"
            digest = Builder(given.cache, report).layout(layout, given.tag)
            if given.archive:
                oci.archive(layout, given.archive)
            print(digest)
        case "push":
            print(push.push(given.layout or given.cache / "layout", given.reference, plain=given.plain_http))


if __name__ == "__main__":
    main()
