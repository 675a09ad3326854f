"""Every address in the repository is this machine, the cluster, or a name that belongs to nobody.

Which outside systems the product calls is said in one place, the settings; whoever adds one is asked to say so here.
"""

import re

import pytest

from infra.image.libraries import REPOSITORY
from infra.security.leaks import repository_files
from shared.settings import Settings

CHANNELS = {"api.mch.weixin.qq.com", "openapi.alipay.com"}
OUTSIDE = {
    "shared/settings.py": CHANNELS,
    "functions/platform/sso/client.py": {"api.weixin.qq.com"},
    "functions/platform/sso/sms.py": {"dysmsapi.aliyuncs.com"},
    "infra/simulators/alipay.py": {"qr.alipay.com"},
    "infra/simulators/wechat.py": {"wx.tenpay.com"},
}
"""Outside systems by the file that names them: payment channels, WeChat's sign-on and the SMS gateway as values an
installation may change, and what the simulators of Alipay and WeChat write into QR codes and pages."""
NAMES = {"www.w3.org", "cyclonedx.org", "json-schema.org", "hl7.org", "www.yale.edu", "schemas.openid.net"}
"""Names of XML and JSON vocabularies (of FHIR, CAS, OpenID among them), written as addresses and fetched by nobody."""
NOBODY = re.compile(r"(^|\.)(example|invalid|test|localhost|example\.(com|org|net)|svc\.cluster\.local|svc)$")
THIS_MACHINE = re.compile(r"^(127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1)$")
ADDRESS = re.compile(r"\b(?:https?|wss?|ftp|postgresql|amqps?|redis|s3)://(?:[^\s/@\"'`<>]*@)?([A-Za-z0-9._-]+)")


def outside(text: str) -> set[str]:
    """Hosts of the addresses in a text that are neither here nor nobody's; a name without a dot is of the cluster."""
    hosts = {host.rstrip(".").lower() for host in ADDRESS.findall(text)}
    return {host for host in hosts if "." in host and not THIS_MACHINE.match(host) and not NOBODY.search(host)}


def texts(prefix: str = "") -> dict[str, str]:
    names = [name for name in repository_files(REPOSITORY) if name.startswith(prefix)]
    found = {name: (REPOSITORY / name).read_bytes() for name in names}
    return {name: text.decode("utf-8", errors="replace") for name, text in found.items() if b"\0" not in text[:8192]}


def test_no_test_names_a_place_outside() -> None:
    here = "tests/infra/test_security_addresses.py"
    found = {name: outside(text) - NAMES for name, text in texts("tests/").items() if name != here}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_outside_systems_are_named_in_few_places() -> None:
    """No package registry, no download, no foreign script: what the product calls is told to it."""
    found = {
        name: outside(text) - NAMES
        for name, text in texts().items()
        if not name.startswith("tests/infra/test_security")
    }
    assert {name: hosts for name, hosts in found.items() if hosts} == OUTSIDE


def test_a_process_that_is_told_nothing_calls_this_machine_only() -> None:
    """But for the payment channels, which are called with a merchant's keys and never without."""
    values = {name: field.default for name, field in Settings.model_fields.items() if isinstance(field.default, str)}
    reached = {name: outside(value) for name, value in values.items()}
    assert set().union(*reached.values()) == CHANNELS


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("https://files.somewhere.net/a.whl", {"files.somewhere.net"}),
        ("postgresql://his:x@db.hospital.cn:5432/his", {"db.hospital.cn"}),
        ("http://127.0.0.1:8080/x http://localhost:1/ http://hospital/", set()),
        ("https://his.example.org https://patient.invalid https://counter.his.svc.cluster.local:80", set()),
        ("http://127.0.0.1.somewhere.net/", {"127.0.0.1.somewhere.net"}),
    ],
)
def test_an_address_outside_is_seen(text: str, hosts: set[str]) -> None:
    assert outside(text) == hosts
