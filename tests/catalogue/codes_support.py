"""Official lists as the tests of code systems make them, and the people who take them in."""

import base64
import io
import random
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import xlsxwriter

from functions.catalogue.codes.models import CodeVersion
from functions.catalogue.codes.rules import ICD10, Entry, arrange
from functions.catalogue.codes.service.registering import write_codes
from shared.database.engine import REPORT
from shared.identity.actor import system_actor
from shared.steps import Steps
from shared.telemetry import accept_trace
from shared.tx import Tx
from tests.support.clinic import ok
from tests.support.hospital import Caller, Hospital

CODES = "/api/catalogue/codes"
PART = 512 * 1024
Rows = Sequence[Sequence[str | float]]


def workbook(rows: Rows, headings: Sequence[str] = ("诊断编码", "诊断名称"), title: str = "国家临床版") -> bytes:
    """An official spreadsheet: a title, the headings, the rows."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("编码")
        sheet.write_string(0, 0, title)
        sheet.write_row(1, 0, headings)
        for number, row in enumerate(rows, 2):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, place, cell)
                else:
                    sheet.write_number(number, place, cell)
    return out.getvalue()


def upload(caller: Caller, content: bytes, name: str = "list.xlsx", base: str = CODES) -> str:
    """Send a file in parts; gives its id."""
    file = ok(caller.post(f"{base}/files", {"name": name, "size": len(content)}))
    for part in range(file["parts"]):
        piece = content[part * PART : (part + 1) * PART]
        body = {"content": base64.b64encode(piece).decode()}
        ok(caller.put(f"{base}/files/{file['file_id']}/parts/{part + 1}", body))
    return str(file["file_id"])


class Standards:
    """The standard manager, the second person, and lists put in force."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.manager = hospital.caller("standard_manager")
        self.checker = hospital.caller("standard_checker")
        self.doctor = hospital.caller("outpatient_doctor")
        self.branch = hospital.caller("outpatient_doctor", campus="mch")

    def system(self, **fields: Any) -> str:
        """A registered diagnosis system."""
        body = {
            "system": f"s{uuid4().hex[:10]}",
            "name": "疾病分类与代码国家临床版",
            "issuer": "国家卫生健康委",
            "standard": "国家临床版2.0",
            "kind": "diagnosis",
            "pattern": ICD10,
            "hierarchy": "prefix",
            **fields,
        }
        return str(ok(self.manager.post(f"{CODES}/systems", body))["system"])

    def take_in(self, system: str, content: bytes, label: str = "1.0", name: str = "list.xlsx", **fields: Any) -> Any:
        """Import a file; gives the answer of the import."""
        file_id = upload(self.manager, content, name)
        return self.manager.post(f"{CODES}/systems/{system}/imports", {"file_id": file_id, "label": label, **fields})

    def publish(self, version_id: str, caller: Caller | None = None, **fields: Any) -> Any:
        return (caller or self.checker).post(f"{CODES}/versions/{version_id}/publish", {"version": 1, **fields})

    def in_force(self, rows: Rows, label: str = "1.0", **fields: Any) -> str:
        """A system with a version in force."""
        headings = fields.pop("headings", ("诊断编码", "诊断名称"))
        system = self.system(**fields)
        made = ok(self.take_in(system, workbook(rows, headings), label))
        ok(self.publish(made["version_id"]))
        return system

    def found(self, system: str, text: str, caller: Caller | None = None, **fields: Any) -> list[str]:
        answer = ok((caller or self.doctor).get(f"{CODES}/systems/{system}/search", text=text, **fields))
        return [one["code"] for one in answer]


def put_in_force(standards: Standards, rows: list[tuple[Any, ...]], **fields: Any) -> str:
    """A system whose codes are (code, display, attributes), written without a file."""
    system = standards.system(**fields)
    entries = [Entry(0, row[0], row[1], attrs=row[2] if len(row) > 2 else {}) for row in rows]
    arrange(entries, fields.get("hierarchy", "prefix"))
    version_id = uuid4()

    def write(tx: Tx) -> None:
        tx.session.add(
            CodeVersion(
                version_id=version_id,
                system=system,
                label="1",
                maker="a",
                made_at=tx.now,
                codes=len(entries),
                announced=None,
                status="published",
                checker="b",
                published_at=tx.now,
                effective_from=tx.now,
            )
        )
        write_codes(tx, version_id, entries)

    steps = Steps(standards.hospital.runtime, system_actor("tests", "hq"), "hq", accept_trace(None), "tests")
    steps.step(write, REPORT)
    return system


def thirty_five_thousand() -> list[tuple[str, str]]:
    """Terms of the shape and number of 国临版, among them a hundred that begin with the same letters."""
    chance = random.Random(35)
    parts = (
        "急性慢性原发继发多发左侧右侧先天后天陈旧化脓坏死出血感染结核肿瘤囊肿骨折脱位炎症梗阻狭窄"
        "阑尾胆囊肾脏肝脏胃部肺部心脏脑部脊柱关节肌肉皮肤"
    )
    rows = []
    for number in range(34_990):
        letter, rest = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number // 1400], number % 1400
        code = f"{letter}{rest // 14:02d}.{rest % 14 % 10}00x{number % 1000:03d}"
        rows.append((code, "".join(chance.choice(parts) for _ in range(chance.randrange(4, 14)))))
    unique = dict(rows)
    more = [
        ("K35.800", "急性阑尾炎"),
        ("K35.801", "急性阑尾炎伴穿孔"),
        ("K35.802", "急性阑尾炎伴周围脓肿"),
        ("K38.801", "寄性阑尾炎样病变"),
        ("K38.802", "结性龙尾样炎症改变"),
    ]
    return [*unique.items(), *more]
