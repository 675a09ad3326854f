"""Start the simulators: `python -m infra.simulators [--port 58600] [--secrets FOLDER]`.

It opens one merchant a channel for each campus named, and writes the keys the gateway refers to into the secret store:
`<channel>-<campus>-sign.pem`, `<channel>-<campus>-verify.pem`, `<channel>-<campus>-cipher.txt`.
"""

import argparse
import secrets
from pathlib import Path

from infra.simulators.server import Channels, Server
from infra.simulators.wire import key_pair
from shared.settings import settings


def open_merchants(channels: Channels, campuses: list[str], folder: Path) -> list[str]:
    """A merchant a channel and campus; what to enter in the gateway, one line each."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = []
    for simulator in channels.simulators:
        for place, campus in enumerate(campuses, 1):
            key, cipher = key_pair(f"{simulator.name}-{campus}"), secrets.token_hex(16)
            merchant, app = f"16{place:08d}", f"{simulator.name}-app-{campus}"
            simulator.open_account(merchant, app, key, cipher)
            name = f"{simulator.name}-{campus}"
            for suffix, text in (
                ("sign.pem", key.private_pem),
                ("verify.pem", simulator.key.public_pem),
                ("cipher.txt", cipher),
            ):
                path = folder / f"{name}-{suffix}"
                path.touch(mode=0o600)
                path.write_text(text, encoding="utf-8")
            lines.append(f"{name}: merchant {merchant}, app {app}, sign {key.serial}, verify {simulator.key.serial}")
    return lines


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m infra.simulators", description=__doc__)
    parser.add_argument("--port", type=int, default=58600)
    parser.add_argument("--secrets", type=Path, default=settings().secrets_dir)
    parser.add_argument("--campus", action="append", default=None)
    options = parser.parse_args()
    channels = Channels()
    server = Server(channels, options.port)
    for line in open_merchants(channels, options.campus or ["hq", "mch"], options.secrets):
        print(line)
    server.start()
    print(f"HIS_WECHAT_PAY_URL={server.url} HIS_ALIPAY_URL={server.url}/gateway.do HIS_ECNY_URL={server.url}")
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
