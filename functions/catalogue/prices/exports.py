"""The catalogue as spreadsheets."""

import io
from collections.abc import Sequence
from datetime import datetime

from functions.catalogue.prices.queries import PublicPrice
from shared.schemas import SHANGHAI

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_HEADINGS = (
    "项目代码",
    "国家代码",
    "项目名称",
    "计价单位",
    "价格（元）",
    "收费类别",
    "项目内涵",
    "除外内容",
    "计价说明",
    "依据",
)


def public_list(items: Sequence[PublicPrice], campus: str, at: datetime) -> bytes:
    """医疗服务价格公示表: the effective prices of a campus at a moment. Codes and prices are texts, as they stand."""
    import xlsxwriter  # type: ignore[import-untyped]

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "constant_memory": False}) as book:
        sheet = book.add_worksheet("价格公示")
        sheet.write_row(0, 0, [f"医疗服务价格公示表（{campus}）", f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} 执行价格"])
        sheet.write_row(1, 0, _HEADINGS)
        for row, item in enumerate(items, 2):
            cells = (
                item.code,
                item.national_code or "",
                item.name,
                item.unit,
                f"{item.unit_price:f}",
                item.fee_class,
                item.content,
                item.excluded,
                item.note or "",
                item.basis_document,
            )
            for column, text in enumerate(cells):
                sheet.write_string(row, column, text)
        sheet.set_column(0, 1, 18)
        sheet.set_column(2, 2, 40)
        sheet.set_column(6, 9, 30)
        sheet.freeze_panes(2, 0)
    return out.getvalue()
