"""Course prepayments, balances of old cards, settings of a campus, corrected prices."""

from typing import Any

from sqlalchemy import DateTime, Integer, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.payments.billing.models import (
    BillingSetting,
    CourseMovement,
    CoursePayment,
    CoursePrepayment,
    LegacyBalance,
    PriceCorrection,
)
from shared.database.model import MONEY
from shared.database.query import Query, among, one_of


def _money(name: str) -> Any:
    return bindparam(name, type_=MONEY)


# -- courses

COURSE = Query(CoursePrepayment, select(CoursePrepayment).where(CoursePrepayment.course_id == bindparam("course_id")))
COURSES_OPEN = Query(
    CoursePrepayment,
    select(CoursePrepayment)
    .where(
        CoursePrepayment.campus_id == bindparam("campus"),
        one_of(CoursePrepayment.state, "open"),
        CoursePrepayment.course_id < bindparam("before"),
    )
    .order_by(CoursePrepayment.course_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
COURSES_OF_PATIENT = Query(
    CoursePrepayment,
    select(CoursePrepayment)
    .where(among(CoursePrepayment.patient_id, "patients"))
    .order_by(CoursePrepayment.course_id.desc())
    .limit(200),
)
MOVEMENTS = Query(
    CourseMovement,
    select(CourseMovement)
    .where(CourseMovement.course_id == bindparam("course_id"))
    .order_by(CourseMovement.movement_id)
    .limit(500),
)


def _course_step(*conditions: Any, **values: Any) -> Query[CoursePrepayment]:
    return Query(
        CoursePrepayment,
        update(CoursePrepayment)
        .where(
            CoursePrepayment.course_id == bindparam("id_"),
            CoursePrepayment.campus_id == bindparam("campus"),
            *conditions,
        )
        .values(**values, version=CoursePrepayment.version + 1)
        .returning(CoursePrepayment),
    )


_OPEN = one_of(CoursePrepayment.state, "open")
PAY_IN = _course_step(
    _OPEN,
    CoursePrepayment.paid_in - CoursePrepayment.returned + _money("came") <= CoursePrepayment.planned,
    paid_in=CoursePrepayment.paid_in + _money("came"),
    balance=CoursePrepayment.balance + _money("came"),
)
"""Money came for an open course; no row when it would hold more than the course costs."""
USE = _course_step(
    _OPEN,
    among(CoursePrepayment.patient_id, "patients"),
    CoursePrepayment.balance >= _money("went"),
    used=CoursePrepayment.used + _money("went"),
    balance=CoursePrepayment.balance - _money("went"),
)
"""Pay a bill of the same person out of a course; no row when too little is left."""
GIVE_BACK = _course_step(
    used=CoursePrepayment.used - _money("came"),
    balance=CoursePrepayment.balance + _money("came"),
    state="open",
    closed_at=None,
)
"""A refunded bill puts its money back on the course it came from; a closed one opens again."""
CLOSE = _course_step(
    _OPEN,
    CoursePrepayment.version == bindparam("seen"),
    returned=CoursePrepayment.returned + CoursePrepayment.balance,
    balance=0,
    state="closed",
    closed_at=bindparam("at", type_=DateTime(timezone=True)),
)

LOCK_COURSE = Query(
    CoursePrepayment,
    select(CoursePrepayment)
    .where(CoursePrepayment.course_id == bindparam("course_id"), CoursePrepayment.campus_id == bindparam("campus"))
    .with_for_update(),
)

PAYMENTS = Query(
    CoursePayment,
    select(CoursePayment)
    .where(CoursePayment.course_id == bindparam("course_id"))
    .order_by(CoursePayment.course_payment_id.desc())
    .limit(500),
)
"""Electronic payments of a course, newest first."""
PAYMENT = Query(CoursePayment, select(CoursePayment).where(CoursePayment.payment_id == bindparam("payment_id")))
LOCK_PAYMENT = Query(
    CoursePayment, select(CoursePayment).where(CoursePayment.payment_id == bindparam("payment_id")).with_for_update()
)
END_PAYMENT = Query(
    CoursePayment,
    update(CoursePayment)
    .where(CoursePayment.course_payment_id == bindparam("id_"), one_of(CoursePayment.state, "pending"))
    .values(state=bindparam("to"))
    .returning(CoursePayment),
)
RETURN_ON_PAYMENT = Query(
    object,
    update(CoursePayment)
    .where(CoursePayment.course_payment_id == bindparam("id_"))
    .values(returned=CoursePayment.returned + _money("went")),
)

# -- old cards

LEGACY = Query(LegacyBalance, select(LegacyBalance).where(LegacyBalance.legacy_id == bindparam("legacy_id")))
LEGACY_BY_CARD = Query(
    LegacyBalance,
    select(LegacyBalance).where(
        LegacyBalance.campus_id == bindparam("campus"), LegacyBalance.card_no == bindparam("card_no")
    ),
)
LEGACY_OPEN = Query(
    LegacyBalance,
    select(LegacyBalance)
    .where(
        LegacyBalance.campus_id == bindparam("campus"),
        one_of(LegacyBalance.state, "open"),
        LegacyBalance.legacy_id > bindparam("after"),
    )
    .order_by(LegacyBalance.legacy_id)
    .limit(bindparam("limit", type_=Integer)),
)
CLEAR_LEGACY = Query(
    LegacyBalance,
    update(LegacyBalance)
    .where(
        LegacyBalance.legacy_id == bindparam("id_"),
        LegacyBalance.campus_id == bindparam("campus"),
        LegacyBalance.version == bindparam("seen"),
        one_of(LegacyBalance.state, "open"),
    )
    .values(
        state="cleared",
        cleared_at=bindparam("at"),
        cleared_by=bindparam("who"),
        cleared_by_name=bindparam("name"),
        method=bindparam("means"),
        reference=bindparam("proof"),
        shift_id=bindparam("shift"),
        version=LegacyBalance.version + 1,
    )
    .returning(LegacyBalance),
)

# -- settings

SETTING = Query(
    BillingSetting,
    select(BillingSetting)
    .where(BillingSetting.campus_id == bindparam("campus"))
    .order_by(BillingSetting.setting_id.desc())
    .limit(1),
)

# -- corrected prices

_told = insert(PriceCorrection).values(
    correction_id=bindparam("correction_id"),
    campus_id=bindparam("campus"),
    version_id=bindparam("version"),
    item_code=bindparam("code"),
    wrong_price=bindparam("wrong"),
    right_price=bindparam("right"),
    affected_from=bindparam("since"),
    affected_to=bindparam("until"),
    told_at=bindparam("at"),
)
KEEP_CORRECTION = Query(object, _told.on_conflict_do_nothing())
CORRECTIONS = Query(
    PriceCorrection,
    select(PriceCorrection)
    .where(PriceCorrection.correction_id < bindparam("before"))
    .order_by(PriceCorrection.correction_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
CORRECTION = Query(
    PriceCorrection, select(PriceCorrection).where(PriceCorrection.correction_id == bindparam("correction_id"))
)
