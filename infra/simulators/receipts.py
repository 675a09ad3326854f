"""The electronic receipt platform (医疗收费电子票据), played on its real wire format: signed, numbered, fallible.

    with ReceiptSimulator(app_id="...", key="...") as platform:
        platform.url                          # what HIS_RECEIPTS_URL points to
        platform.fail("down", times=3)        # the next three calls get no answer of worth

Faults: `down` (HTTP 503), `lost` (the work is done, the answer is lost), `forged` (an answer signed by somebody else),
`garbled` (no JSON), and any code of the platform, such as E0201 for a wrong sum, which it then says.
"""

import argparse
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from functions.payments.billing.client import DONE, REPEATED, packed, signature, unpacked
from infra.simulators.listening import Listening
from infra.simulators.wire import Reply

BATCH = "45060125"
RED_BATCH = "45060225"
REASONS = {
    "E0001": "签名验证失败",
    "E0002": "报文格式错误",
    REPEATED: "业务流水号重复",
    "E0103": "电子票据不存在",
    "E0104": "电子票据已冲红",
    "E0105": "纸质票号已使用",
    "E0106": "纸质票号不存在或已作废",
    "E0201": "金额与明细合计不符",
}


@dataclass
class IssuedBill:
    """A bill as the platform keeps it."""

    business_no: str
    code: str
    number: str
    check_code: str
    amount: str
    red_number: str | None = None
    paper_no: str | None = None

    def told(self) -> dict[str, Any]:
        return {
            "billBatchCode": self.code,
            "billNo": self.number,
            "random": self.check_code,
            "pictureUrl": f"http://receipts.invalid/q?c={self.code}&n={self.number}&v={self.check_code}",
            "billQRCode": f"{self.code}{self.number}{self.check_code}",
        }


@dataclass
class Books:
    """Everything the platform ever did."""

    bills: dict[str, IssuedBill] = field(default_factory=dict)
    """By business number."""
    papers: dict[str, str] = field(default_factory=dict)
    """Number of a sheet -> number of its bill, or `void`."""
    calls: list[str] = field(default_factory=list)
    red: int = 0

    def by_number(self, number: object) -> IssuedBill | None:
        return next((bill for bill in self.bills.values() if bill.number == number), None)


class No(Exception):
    """The platform says no, with one of its codes."""


class ReceiptSimulator(Listening):
    """The platform on a port of its own."""

    def __init__(self, app_id: str = "hospital", key: str = "test-key", port: int = 0, first: int = 1) -> None:
        """`first` is the number of its first bill; those below were issued in a life before and are believed."""
        super().__init__(port)
        self.app_id = app_id
        self.key = key
        self.books = Books()
        self._first = first
        self._faults: deque[str] = deque()
        self._lock = threading.Lock()

    def fail(self, fault: str, times: int = 1) -> None:
        """The next calls go wrong this way."""
        with self._lock:
            self._faults.extend([fault] * times)

    # -- one call

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a call; the end of the path names it."""
        status, answer = self._answer(path.rstrip("/").rpartition("/")[2], body)
        return Reply(status, {"Content-Type": "application/json"}, answer)

    def _answer(self, operation: str, raw: bytes) -> tuple[int, bytes]:
        with self._lock:
            fault = self._faults.popleft() if self._faults else ""
            self.books.calls.append(operation)
            if fault == "down":
                return 503, b""
            result, message = self._do(operation, raw, fault)
        if fault == "lost":
            return 504, b""
        if fault == "garbled":
            return 200, b"<html>gateway</html>"
        return 200, self._signed(result, message, "somebody" if fault == "forged" else self.key)

    def _do(self, operation: str, raw: bytes, fault: str) -> tuple[str, Any]:
        try:
            if fault in REASONS:
                raise No(fault)
            return DONE, self._work(operation, self._opened(raw))
        except No as refusal:
            code = str(refusal)
            return code, REASONS[code]
        except (ValueError, KeyError, TypeError):
            return "E0002", REASONS["E0002"]

    def _opened(self, raw: bytes) -> dict[str, Any]:
        body = json.loads(raw)
        expected = signature(self.app_id, body["data"], body["noise"], self.key, body["version"])
        if body["appid"] != self.app_id or body["sign"] != expected:
            raise No("E0001")
        return dict(unpacked(body["data"]))

    def _work(self, operation: str, content: dict[str, Any]) -> dict[str, Any]:
        match operation:
            case "invoiceEBillOutpatient":
                return self._issue(content)
            case "getEBillByBusNo":
                return self._known(self.books.bills.get(content["busNo"])).told()
            case "writeOffEBill":
                return self._write_off(content)
            case "turnPaper":
                return self._to_paper(content)
            case "invalidPaper":
                return self._void_paper(content)
        raise No("E0002")

    def _issue(self, content: dict[str, Any]) -> dict[str, Any]:
        if content["busNo"] in self.books.bills:
            raise No(REPEATED)
        if sum(Decimal(line["amt"]) for line in content["chargeDetail"]) != Decimal(content["totalAmt"]):
            raise No("E0201")
        number = f"{self._first + len(self.books.bills):010d}"
        bill = IssuedBill(content["busNo"], BATCH, number, uuid4().hex[:6], content["totalAmt"])
        self.books.bills[bill.business_no] = bill
        return bill.told()

    def _write_off(self, content: dict[str, Any]) -> dict[str, Any]:
        bill = self._issued(content["billNo"])
        if bill.red_number is None:
            bill.red_number = f"{self._first + self.books.red:010d}"
            self.books.red += 1
        return {
            "eScarletBillBatchCode": RED_BATCH,
            "eScarletBillNo": bill.red_number,
            "eScarletRandom": bill.check_code,
            "pictureUrl": f"http://receipts.invalid/q?c={RED_BATCH}&n={bill.red_number}",
        }

    def _to_paper(self, content: dict[str, Any]) -> dict[str, Any]:
        bill, paper_no = self._issued(content["billNo"]), content["pBillNo"]
        if bill.red_number is not None:
            raise No("E0104")
        if self.books.papers.get(paper_no, bill.number) != bill.number:
            raise No("E0105")
        self.books.papers[paper_no] = bill.number
        bill.paper_no = paper_no
        return {}

    def _void_paper(self, content: dict[str, Any]) -> dict[str, Any]:
        self.books.papers[content["pBillNo"]] = "void"
        for bill in self.books.bills.values():
            if bill.paper_no == content["pBillNo"]:
                bill.paper_no = None
        return {}

    def _issued(self, number: str) -> IssuedBill:
        bill = self.books.by_number(number)
        if bill is None and number.isdigit() and int(number) < self._first:
            bill = self.books.bills[f"before {number}"] = IssuedBill(f"before {number}", BATCH, number, "", "")
        return self._known(bill)

    @staticmethod
    def _known(bill: IssuedBill | None) -> IssuedBill:
        if bill is None:
            raise No("E0103")
        return bill

    def _signed(self, result: str, message: Any, key: str) -> bytes:
        data, noise = packed({"result": result, "message": packed(message)}), uuid4().hex
        sign = signature(self.app_id, data, noise, key)
        return json.dumps({"data": data, "noise": noise, "sign": sign}).encode()


def main() -> None:
    """Run the platform on a port: `python -m infra.simulators.receipts --port 28701 --key ...`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=28701)
    parser.add_argument("--app-id", default="hospital")
    parser.add_argument("--key", required=True)
    arguments = parser.parse_args()
    ReceiptSimulator(arguments.app_id, arguments.key, arguments.port).start().wait()


if __name__ == "__main__":
    main()
