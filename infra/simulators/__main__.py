"""Start the simulators: `python -m infra.simulators [--port 28600] [--receipts-port 28701] [--secrets FOLDER]`.

It opens one merchant a channel for each campus named, and writes the keys the gateway refers to into the secret store:
`<channel>-<campus>-sign.pem`, `<channel>-<campus>-verify.pem`, `<channel>-<campus>-cipher.txt`. The channels' own keys
lie outside of it, in `--keys`. Keys that are there are kept, so that merchants entered once stay good after a restart;
ledgers begin anew. `contracts.json` beside the keys says what to enter in the gateway.

WeChat's sign-on needs HIS_WECHAT_LOGIN_APPID and HIS_WECHAT_LOGIN_SECRET, and answers on the channels' port.
The SMS gateway needs HIS_SMS_ACCESS_KEY_ID and HIS_SMS_ACCESS_KEY_SECRET to be started; templates are called SMS_....
The receipt platform needs HIS_RECEIPTS_APP_ID and HIS_RECEIPTS_KEY, the ones the hospital signs with, to be started.
"""

import argparse
import json
import secrets
import time
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from functions.payments.billing.client import ReceiptPlatformSettings
from functions.platform.sso.client import WeChatLogin
from functions.platform.sso.sms import SmsGateway
from infra.local.credentials import write_private
from infra.simulators.receipts import ReceiptSimulator
from infra.simulators.server import Channels, Server
from infra.simulators.sms import SmsSimulator
from infra.simulators.wechat_login import WeChatLoginSimulator
from infra.simulators.wire import Key, key_pair
from shared.settings import settings

CONTRACTS = "contracts.json"
"""What to enter in the gateway: campus, channel, numbers and names of key files; no keys."""


def open_merchants(channels: Channels, campuses: list[str], folder: Path) -> list[str]:
    """A merchant a channel and campus; what to enter in the gateway, one line each."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines, contracts = [], []
    for simulator in channels.simulators:
        for place, campus in enumerate(campuses, 1):
            name = f"{simulator.name}-{campus}"
            key, cipher = kept_key(folder / f"{name}-sign.pem"), _kept_cipher(folder / f"{name}-cipher.txt")
            merchant, app = f"16{place:08d}", f"{simulator.name}-app-{campus}"
            simulator.open_account(merchant, app, key, cipher)
            write_private(folder / f"{name}-verify.pem", simulator.key.public_pem)
            lines.append(f"{name}: merchant {merchant}, app {app}, sign {key.serial}, verify {simulator.key.serial}")
            contracts.append(
                {
                    "channel": simulator.name,
                    "campus": campus,
                    "merchant_no": merchant,
                    "app_id": app,
                    "keys": [
                        {"role": "sign", "serial": key.serial, "secret_ref": f"{name}-sign.pem"},
                        {"role": "verify", "serial": simulator.key.serial, "secret_ref": f"{name}-verify.pem"},
                        {"role": "cipher", "serial": "apiv3", "secret_ref": f"{name}-cipher.txt"},
                    ],
                }
            )
    write_private(folder / CONTRACTS, json.dumps(contracts, indent=2) + "\n")
    return lines


def keep_channels(channels: Channels, folder: Path) -> None:
    """Sign with the channels' keys of the last start, and go on where no number was given out before."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for simulator in channels.simulators:
        simulator.key = kept_key(folder / f"{simulator.name}-channel.pem")
        # A channel's number comes once in its life; the counter is not kept, the milliseconds since it began are more.
        simulator._numbers = count(_since_begin(1000, 10**12))


def kept_key(path: Path) -> Key:
    """The key of a file, made when there is none."""
    if not path.exists():
        write_private(path, key_pair(str(path)).private_pem)
    private = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise SystemExit(f"{path} holds no RSA key")
    return Key(f"{private.public_key().public_numbers().n % 2**128:032X}", private)


def _kept_cipher(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_hex(16))
    return path.read_text(encoding="utf-8").strip()


def _since_begin(a_second: int, numbers: int) -> int:
    return int(time.time() * a_second) % numbers


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m infra.simulators", description=__doc__)
    parser.add_argument("--port", type=int, default=28600)
    parser.add_argument("--receipts-port", type=int, default=28701)
    parser.add_argument("--sms-port", type=int, default=28702)
    parser.add_argument("--secrets", type=Path, default=settings().secrets_dir)
    parser.add_argument("--keys", type=Path, default=None, help="the channels' own keys; beside the secrets")
    parser.add_argument("--campus", action="append", default=None)
    options = parser.parse_args()
    account = WeChatLogin()
    channels = Channels(WeChatLoginSimulator(account.appid, account.secret) if account.secret else None)
    keep_channels(channels, options.keys or options.secrets.parent / "simulators")
    lines = open_merchants(channels, options.campus or ["hq", "mch"], options.secrets)
    platform = ReceiptPlatformSettings()
    if platform.key:
        first = _since_begin(10, 10**10)
        receipts = ReceiptSimulator(platform.app_id, platform.key, options.receipts_port, first).start()
        print(f"HIS_RECEIPTS_URL={receipts.url}")
    messages = SmsGateway()
    if messages.access_key_secret:
        texts = SmsSimulator(messages.access_key_id, messages.access_key_secret, port=options.sms_port).start()
        print(f"HIS_SMS_URL={texts.url}")
    server = Server(channels, options.port).start()
    for line in lines:
        print(line)
    print(f"HIS_WECHAT_PAY_URL={server.url} HIS_ALIPAY_URL={server.url}/gateway.do HIS_ECNY_URL={server.url}")
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
