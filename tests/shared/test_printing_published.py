"""Layouts published by the hospital: in force by campus and moment, never overwritten."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from shared.printing import Layout, LayoutExists, LayoutRefused, LayoutUnknown, render, shipped_layouts
from shared.printing.published import layout_in_force, publish_layout
from tests.shared.print_probe import probe, shipped, text_of
from tests.support.hospital import Hospital


@pytest.fixture(autouse=True)
def _empty(hospital: Hospital) -> Iterator[None]:
    yield
    hospital.execute("DELETE FROM kernel.print_layouts")


def own(hospital: Hospital, version: int = 1, **changes: object) -> Layout:
    return probe(form="own_form", version=version, effective_from=hospital.clock(), **changes)


def publish(hospital: Hospital, layout: Layout, campus: str = "hq") -> None:
    with hospital.tx(campus) as tx:
        publish_layout(tx, layout)


def in_force(hospital: Hospital, form: str = "own_form", campus: str = "hq") -> Layout:
    with hospital.tx(campus) as tx:
        return layout_in_force(tx, form)


def test_a_published_layout_prints_as_it_was_written(hospital: Hospital) -> None:
    layout = own(hospital, html="<p>{{ text }}</p>", css="p { color: #010101 }")
    publish(hospital, layout)
    found = in_force(hospital)
    assert found == replace(layout, published=True, effective_from=found.effective_from)
    assert (found.fields, found.sample) == (layout.fields, layout.sample)
    assert found.effective_from >= layout.effective_from
    assert "内容" in text_of(render(found, {"text": "内容"}))[0]


def test_a_campus_may_have_its_own_look(hospital: Hospital) -> None:
    publish(hospital, own(hospital, title="全部院区"))
    publish(hospital, own(hospital, title="妇幼分院", campus="mch"), campus="mch")
    assert in_force(hospital, campus="hq").title == "全部院区"
    assert in_force(hospital, campus="mch").title == "妇幼分院"
    publish(hospital, own(hospital, version=9, title="全部院区新版"))
    assert in_force(hospital, campus="hq").title == "全部院区新版"
    assert in_force(hospital, campus="mch").title == "妇幼分院"


def test_a_version_counts_from_its_moment_and_a_reprint_keeps_the_old_look(hospital: Hospital) -> None:
    publish(hospital, own(hospital, title="旧版"))
    printed_at = hospital.clock()
    start = printed_at + timedelta(hours=5)
    publish(hospital, replace(own(hospital, version=2, title="新版"), effective_from=start))
    assert in_force(hospital).title == "旧版"
    hospital.clock.move(hours=6)
    assert in_force(hospital).title == "新版"
    with hospital.tx() as tx:
        assert layout_in_force(tx, "own_form", at=printed_at).title == "旧版"


def test_what_is_published_is_never_overwritten(hospital: Hospital) -> None:
    publish(hospital, own(hospital, title="第一版"))
    for campus in ("hq", "mch"):
        with pytest.raises(LayoutExists):
            publish(hospital, own(hospital, title="改过的第一版"), campus=campus)
    assert in_force(hospital).title == "第一版"
    with psycopg.connect(hospital.settings.database_url) as connection:
        for statement in ("UPDATE kernel.print_layouts SET title = 'x'", "DELETE FROM kernel.print_layouts"):
            with pytest.raises(psycopg.errors.Error):
                connection.execute(statement.replace("title", "html"))
            connection.rollback()
    assert in_force(hospital).html == "{{ text }}"


def test_the_past_is_not_rewritten(hospital: Hospital) -> None:
    moment = hospital.clock()
    publish(hospital, replace(own(hospital), effective_from=moment - timedelta(days=400)))
    with hospital.tx() as tx, pytest.raises(LayoutUnknown):
        layout_in_force(tx, "own_form", at=moment - timedelta(days=1))
    assert in_force(hospital).effective_from >= moment


def test_publishing_is_reviewed_audited_and_for_ones_own_campus(hospital: Hospital) -> None:
    before = hospital.value("SELECT count(*) FROM kernel.audit_entries WHERE action = 'printing.layout.publish'")
    for refused in (own(hospital, html="<script>1</script>"), own(hospital, campus="mch")):
        with pytest.raises(LayoutRefused):
            publish(hospital, refused, campus="hq")
    assert hospital.value("SELECT count(*) FROM kernel.print_layouts") == 0
    publish(hospital, own(hospital, campus="mch"), campus="mch")
    row = hospital.rows("SELECT * FROM kernel.print_layouts")[0]
    audit = hospital.rows("SELECT * FROM kernel.audit_entries WHERE action = 'printing.layout.publish'")
    assert len(audit) == before + 1
    assert {entry["subject_id"] for entry in audit} >= {str(row["layout_id"])}
    assert row["published_by"] == "system:tests"


def test_shipped_forms_are_in_force_until_the_hospital_publishes_its_own(hospital: Hospital) -> None:
    assert in_force(hospital, "registration_slip") == shipped("registration_slip")
    layout = shipped_layouts("registration_slip")[-1]
    publish(hospital, replace(layout, title="本院挂号凭条"))
    assert in_force(hospital, "registration_slip").title == "本院挂号凭条"
    with hospital.tx() as tx, pytest.raises(LayoutUnknown):
        layout_in_force(tx, "no_such_form")


def test_finding_the_layout_is_one_statement(hospital: Hospital) -> None:
    with hospital.tx() as tx:
        layout_in_force(tx, "registration_slip")
        assert tx.session.statements == 1
