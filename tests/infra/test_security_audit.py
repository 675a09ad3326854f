"""Known flaws: a critical one fails, what is mended does not, and a mirror that stands still proves nothing."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.image.libraries import REPOSITORY
from infra.security.advisories import (
    ACCEPTED,
    Acceptance,
    AuditError,
    Flaw,
    acceptances,
    audit,
    open_flaws,
    touches,
)
from infra.security.debian_version import DebianVersion
from infra.security.parts import Part, parts
from infra.security.rating import base_score, level

TODAY = date(2026, 11, 23)
WEEK = timedelta(days=7)
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
LIBRARY = Part("PyPI", "some-lib", "2.5.0", (), "some-lib", ("",))
PACKAGE = Part("Debian:12", "libsome3", "3.0.15-1~deb12u1", (), "some", ("",))


def advisory(number: str = "X-1", *, part: Part = LIBRARY, name: str = "", **more: Any) -> dict[str, Any]:
    events = more.pop("events", [{"introduced": "0"}, {"fixed": "99"}])
    return {
        "id": number,
        "modified": "2026-11-20T10:00:00.123456789Z",
        "affected": [
            {
                "package": {"ecosystem": part.ecosystem, "name": name or part.source},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
        **more,
    }


def mirror(folder: Path, *advisories: dict[str, Any]) -> Path:
    """A folder with these, and one harmless advisory an ecosystem as any real mirror has thousands of."""
    for part in (LIBRARY, PACKAGE):
        harmless = advisory(f"HARMLESS-{part.source}", part=part, name="something-else")
        (folder / f"{harmless['id']}.json").write_text(json.dumps(harmless))
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for one in advisories:
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    return folder


def found(folder: Path, *advisories: dict[str, Any]) -> list[Flaw]:
    return audit(mirror(folder, *advisories), [LIBRARY, PACKAGE], TODAY, WEEK)


def test_nothing_known_is_nothing(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_critical_flaw_is_open_and_names_what_mends_it(tmp_path: Path) -> None:
    critical = advisory("X-9", severity=[{"type": "CVSS_V3", "score": CRITICAL}], name="Some_Lib")
    (flaw,) = found(tmp_path, critical)
    assert (flaw.id, flaw.level, flaw.part, flaw.fixed) == ("X-9", "critical", LIBRARY, ("99",))
    assert open_flaws([flaw], [], TODAY, "critical") == [flaw]
    assert str(flaw) == "critical some-lib 2.5.0: X-9, mended in 99"


def test_a_debian_flaw_is_found_by_the_source_package(tmp_path: Path) -> None:
    fixed = [{"introduced": "0"}, {"fixed": "3.0.15-1~deb12u2"}]
    (flaw,) = found(tmp_path, advisory("D-1", part=PACKAGE, events=fixed))
    assert flaw.part.name == "libsome3"
    assert (
        found(tmp_path, advisory("D-1", part=PACKAGE, events=[{"introduced": "0"}, {"fixed": "3.0.15-1~deb12u1"}]))
        == []
    )


@pytest.mark.parametrize(
    ("events", "touched"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "2.5.0"}], False),
        ([{"introduced": "0"}, {"fixed": "2.5.1"}], True),
        ([{"introduced": "2.5"}, {"fixed": "2.6"}], True),
        ([{"introduced": "2.5.1"}, {"fixed": "2.6"}], False),
        ([{"introduced": "0"}, {"last_affected": "2.5.0"}], True),
        ([{"introduced": "0"}, {"last_affected": "2.4.9"}], False),
        ([{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "3.0"}], True),
        ([{"fixed": "3.0"}, {"introduced": "2.0"}, {"fixed": "1.0"}, {"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.6"}], False),
        ([{"introduced": "2.5.0rc1"}, {"fixed": "2.5.0"}], False),
        ([{"introduced": "0"}, {"fixed": "not a version"}], True),
    ],
)
def test_ranges(events: list[dict[str, str]], touched: bool) -> None:
    assert touches(advisory(events=events)["affected"][0], LIBRARY) is touched


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True).map(sorted), st.integers(0, 30))
def test_a_version_is_inside_exactly_between_introduced_and_fixed(bounds: list[int], mine: int) -> None:
    events = [{"introduced" if place % 2 == 0 else "fixed": str(bound)} for place, bound in enumerate(bounds)]
    inside = sum(1 for bound in bounds if bound <= mine) % 2 == 1
    part = Part("PyPI", "some-lib", str(mine), (), "some-lib", ())
    assert touches(advisory(events=events)["affected"][0], part) is inside


def test_versions_named_one_by_one() -> None:
    entry = {"package": {}, "versions": ["2.4.0", "2.5.0"]}
    assert touches(entry, LIBRARY)
    assert not touches({**entry, "versions": ["2.4.0"]}, LIBRARY)


def test_what_was_withdrawn_is_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, advisory(withdrawn="2026-11-21T00:00:00Z")) == []


def test_one_flaw_under_two_numbers_is_one_with_its_worst_rating(tmp_path: Path) -> None:
    low = advisory("A-1", aliases=["C-1"], database_specific={"severity": "LOW"})
    worse = advisory("B-1", aliases=["C-1", "A-1"], database_specific={"severity": "CRITICAL"})
    (flaw,) = found(tmp_path, low, worse)
    assert (flaw.id, flaw.level) == ("B-1", "critical")


# -- how bad


@pytest.mark.parametrize(
    ("vector", "score"),
    [  # examples of FIRST's specification and of the national databases
        (CRITICAL, 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", 7.4),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N", 2.4),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("", None),
    ],
)
def test_scores(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


def test_levels() -> None:
    assert level({"database_specific": {"severity": "MODERATE"}}) == "medium"
    assert level({"database_specific": {"severity": "LOW"}, "severity": [{"type": "CVSS_V3", "score": CRITICAL}]}) == (
        "critical"
    )
    assert level({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}) == "high", "unrated is not harmless"


# -- Debian's versions


RISING = (
    *("1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-1~deb12u1", "1.0-1", "1.0-1a", "1.0-1+b1", "1.0-1.1", "1.0+dfsg-1"),
    *("1.0.1", "1.2", "1.10", "2.0a", "2.0b", "2.0+", "1:0.5", "1:2.0-3+deb12u9", "1:2.0-3+deb12u14", "2:0"),
)


def test_debian_versions_rise() -> None:
    versions = [DebianVersion(text) for text in RISING]
    for place, earlier in enumerate(versions):
        assert all(earlier < later and later > earlier for later in versions[place + 1 :]), earlier.text
    assert DebianVersion("1.0") == DebianVersion("0:1.00-0") == DebianVersion("1.0-")


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="not a Debian system")
def test_debian_versions_compare_as_dpkg_says() -> None:
    for earlier, later in pairwise(RISING):
        subprocess.run(["dpkg", "--compare-versions", earlier, "lt", later], check=True)


# -- the mirror


def test_a_mirror_that_stands_still_is_no_good_news(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="renew the mirror"):
        audit(mirror(tmp_path), [LIBRARY], TODAY + WEEK, WEEK)


def test_a_mirror_without_an_ecosystem_is_no_good_news(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="Debian:13"):
        audit(mirror(tmp_path), [Part("Debian:13", "x", "1", (), "x", ())], TODAY, WEEK)


def test_a_file_that_is_no_advisory_is_said(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"id": ')
    with pytest.raises(AuditError, match=r"cut\.json is no JSON"):
        audit(tmp_path, [LIBRARY], TODAY, WEEK)
    (tmp_path / "cut.json").write_text('{"name": "x"}')
    with pytest.raises(AuditError, match="OSV"):
        audit(tmp_path, [LIBRARY], TODAY, WEEK)
    with pytest.raises(AuditError, match="no folder"):
        audit(tmp_path / "nowhere", [LIBRARY], TODAY, WEEK)


# -- what the hospital lives with


def test_an_acceptance_ends_and_a_critical_one_within_a_month() -> None:
    critical = Flaw("X-1", "critical", LIBRARY, (), ("C-1",))
    high = Flaw("X-2", "high", LIBRARY, (), ())

    def left(*accepted: Acceptance, least: str = "high") -> list[Flaw]:
        return open_flaws([critical, high], accepted, TODAY, least)

    assert left(least="critical") == [critical]
    assert left() == [critical, high]
    assert left(Acceptance("C-1", TODAY + timedelta(days=30), "not reached")) == [high]
    assert left(Acceptance("C-1", TODAY + timedelta(days=31), "not reached")) == [critical, high]
    assert left(Acceptance("X-2", TODAY + timedelta(days=365), "not reached")) == [critical]
    assert left(Acceptance("X-2", TODAY, "not reached")) == [critical]
    assert left(Acceptance("X-2", TODAY - timedelta(days=1), "not reached")) == [critical, high]
    assert left(Acceptance("X-2", TODAY, " ")) == [critical, high], "without a reason nothing is accepted"


def test_the_file_of_acceptances_is_read() -> None:
    assert [one for one in acceptances(ACCEPTED.read_text(encoding="utf-8")) if not one.reason.strip()] == []
    example = '[[accepted]]\nid = "X-1"\nuntil = 2027-01-31\nreason = "not reached"\n'
    assert acceptances(example) == [Acceptance("X-1", date(2027, 1, 31), "not reached")]


# -- the program, on the real lock files


def run(folder: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HIS_ADVISORIES": str(folder)} if folder else {**os.environ}
    if folder is None:
        environment.pop("HIS_ADVISORIES", None)
    order = [sys.executable, "-m", "infra.security", "audit"]
    return subprocess.run(order, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def test_a_critical_flaw_in_a_library_of_ours_fails(tmp_path: Path) -> None:
    mine = next(part for part in parts() if part.name == "urllib3")
    fresh = {"modified": datetime.now(UTC).isoformat()}
    harmless = [advisory(f"H-{name}", part=one, name="x", **fresh) for name, one in enumerate((LIBRARY, PACKAGE))]
    quiet = mirror(tmp_path, *harmless)
    assert run(quiet).returncode == 0
    noisy = mirror(tmp_path, *harmless, advisory("X-7", part=mine, severity=[{"type": "CVSS_V3", "score": CRITICAL}]))
    done = run(noisy)
    assert done.returncode == 1
    assert f"FAILS critical urllib3 {mine.version}: X-7, mended in 99" in done.stdout


def test_without_a_mirror_nothing_is_claimed(tmp_path: Path) -> None:
    assert run(None).returncode == 2
    done = run(tmp_path)
    assert done.returncode == 2
    assert "silence proves nothing" in done.stderr
