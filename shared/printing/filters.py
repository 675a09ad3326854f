"""Filters a layout may use. A layout shows; it does not calculate."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from shared.printing.barcodes import code128, qr
from shared.printing.capital import capital_amount
from shared.schemas import SHANGHAI

_WEEKDAYS = "一二三四五六日"


def money(value: str) -> str:
    """1234.50 as 1,234.50."""
    return f"{Decimal(value):,.2f}"


def yuan(value: str) -> str:
    """1234.50 as ¥1,234.50; -20.00 as -¥20.00."""
    amount = Decimal(value)
    return f"{'-' if amount < 0 else ''}¥{abs(amount):,.2f}"


def capital(value: str) -> str:
    """123.45 as 壹佰贰拾叁元肆角伍分."""
    return capital_amount(Decimal(value))


def quantity(value: str | int) -> str:
    """12.5000 as 12.5, 3.0000 as 3: a quantity without the zeros of its column."""
    text = format(Decimal(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: str) -> str:
    """A unit price without the zeros of its column but with at least two decimals: 12.345, 0.0333, 680.00."""
    amount = Decimal(value)
    plain = amount.normalize().as_tuple().exponent
    return f"{amount:,.{max(2, -plain if isinstance(plain, int) else 2)}f}"


def moment(value: str) -> datetime:
    """An ISO 8601 time in Asia/Shanghai."""
    return datetime.fromisoformat(value).astimezone(SHANGHAI)


def show_datetime(value: str) -> str:
    """2026-03-02 08:30."""
    return moment(value).strftime("%Y-%m-%d %H:%M")


def show_datetime_seconds(value: str) -> str:
    """2026-03-02 08:30:05."""
    return moment(value).strftime("%Y-%m-%d %H:%M:%S")


def until(value: str) -> str:
    """The end of a validity: midnight is 24:00 of the day before, as staff and patients say it."""
    end = moment(value)
    if end.time() == time():
        return f"{(end - timedelta(days=1)).date().isoformat()} 24:00"
    return end.strftime("%Y-%m-%d %H:%M")


def show_time(value: str) -> str:
    """08:30."""
    return moment(value).strftime("%H:%M")


def show_date(value: str) -> str:
    """2026-03-02, of a date or of a time in Asia/Shanghai."""
    return _day(value).isoformat()


def show_date_chinese(value: str) -> str:
    """2026年3月2日."""
    day = _day(value)
    return f"{day.year}年{day.month}月{day.day}日"


def weekday(value: str) -> str:
    """周一 ... 周日."""
    return f"周{_WEEKDAYS[_day(value).weekday()]}"


def mask_name(value: str) -> str:
    """A name for paper others may see: 张*, 张*丰, 欧**华. One sign stays as it is."""
    if len(value) <= 2:
        return value[:1] + "*" * (len(value) - 1)
    return value[0] + "*" * (len(value) - 2) + value[-1]


def _day(value: str) -> date:
    return date.fromisoformat(value) if len(value) == 10 else moment(value).date()


FILTERS = {
    "money": money,
    "yuan": yuan,
    "capital": capital,
    "quantity": quantity,
    "price": price,
    "datetime": show_datetime,
    "datetime_seconds": show_datetime_seconds,
    "time": show_time,
    "until": until,
    "date": show_date,
    "date_chinese": show_date_chinese,
    "weekday": weekday,
    "mask_name": mask_name,
    "qr": qr,
    "code128": code128,
}
