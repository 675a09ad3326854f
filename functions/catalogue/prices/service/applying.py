"""Applications for new items (新增项目申请): department -> committee -> consortium -> province -> publication."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from functions.catalogue.prices.models import ApplicationDecision, ItemApplication
from functions.catalogue.prices.problems import ApplicationStateWrong, ApplicationWrong
from functions.catalogue.prices.queries import procedures as queries
from functions.catalogue.prices.queries import rules as catalogue
from functions.catalogue.prices.queries.rules import Trial
from functions.catalogue.prices.schemas.procedures import ApplyForItem, DecideApplication, Step, WithdrawApplication
from functions.catalogue.prices.service.items import known, require_head
from shared.ids import new_id
from shared.money import Money
from shared.problems import NotFound
from shared.tx import Tx

STEPS = tuple(step.value for step in Step)
TRIAL_YEARS = 2
"""Longest trial of a new price (spec 40, capability 10)."""


class Application(NamedTuple):
    """An application and what was decided so far."""

    application: ItemApplication
    decisions: list[ApplicationDecision]

    @property
    def state(self) -> str:
        """The step it waits for, or published, refused, withdrawn."""
        if any(one.step == "withdrawal" for one in self.decisions):
            return "withdrawn"
        if any(not one.passed for one in self.decisions):
            return "refused"
        done = {one.step for one in self.decisions}
        return next((step for step in STEPS if step not in done), "published")

    @property
    def cost(self) -> Money:
        """Sum of the cost sheet in yuan."""
        return sum((Decimal(str(value)) for value in self.application.costs.values()), Decimal("0.00"))


def apply_for_item(tx: Tx, command: ApplyForItem) -> Application:
    """A department asks for a new item with its cost sheet and prices elsewhere."""
    row = ItemApplication(
        application_id=new_id(),
        campus_id=tx.campus,
        unit_id=command.unit_id,
        name=command.name,
        content=command.content,
        charge_unit=command.charge_unit,
        costs={name: str(amount) for name, amount in command.costs.items()},
        comparables=[{"place": one.place, "price": str(one.price)} for one in command.comparables],
        proposed_price=command.proposed_price,
        basis_document=command.basis_document,
        applied_at=tx.now,
        applied_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("item_application.made", "item_application", row.application_id)
    return Application(row, [])


def decide_application(tx: Tx, application_id: UUID, command: DecideApplication) -> Application:
    """Decide the step an application waits for, at the head hospital, by somebody else than the applicant.

    The provincial decision carries its number; the publication names the published item and, for a trial price, its
    last day within two years. Raises ApplicationStateWrong, ApplicationWrong, SamePerson, ConsortiumList.
    """
    require_head(tx)
    found = application(tx, application_id)
    if found.state != command.step.value:
        raise ApplicationStateWrong("该申请不在这一步，请刷新后核对。", current_status=found.state)
    tx.assert_distinct([found.application.applied_by], "申请人不能审议自己的申请。")
    if command.passed and command.step is Step.PROVINCE and command.approval_no is None:
        raise ApplicationWrong("请填写省级批复文号。")
    if command.passed and command.step is Step.PUBLICATION:
        _publish(tx, command)
    decision = ApplicationDecision(
        decision_id=new_id(),
        campus_id=tx.campus,
        application_id=application_id,
        step=command.step.value,
        passed=command.passed,
        opinion=command.opinion,
        decided_at=tx.now,
        decided_by=tx.actor.subject,
        approval_no=command.approval_no,
        item_code=command.item_code,
    )
    tx.session.add(decision)
    tx.audit("item_application.decided", "item_application", application_id, step=decision.step, passed=decision.passed)
    return Application(found.application, [*found.decisions, decision])


def withdraw_application(tx: Tx, application_id: UUID, command: WithdrawApplication) -> Application:
    """The applicant gives it up while nothing final was decided."""
    found = application(tx, application_id)
    if found.application.campus_id != tx.campus or found.application.applied_by != tx.actor.subject:
        raise NotFound("没有您提交的这份申请，请刷新后核对。")
    if found.state in {"published", "refused", "withdrawn"}:
        raise ApplicationStateWrong("该申请已办结，不能撤回。", current_status=found.state)
    decision = ApplicationDecision(
        decision_id=new_id(),
        campus_id=tx.campus,
        application_id=application_id,
        step="withdrawal",
        passed=False,
        opinion=command.reason,
        decided_at=tx.now,
        decided_by=tx.actor.subject,
    )
    tx.session.add(decision)
    tx.audit("item_application.withdrawn", "item_application", application_id)
    return Application(found.application, [*found.decisions, decision])


def application(tx: Tx, application_id: UUID) -> Application:
    """An application with its decisions. Raises NotFound."""
    row = tx.session.first(queries.APPLICATION, application_id=application_id)
    if row is None:
        raise NotFound("没有这份申请，请刷新后重试。")
    return _with_decisions(tx, [row])[0]


def applications(tx: Tx, before: UUID, limit: int) -> list[Application]:
    """Applications of all campuses, latest first."""
    return _with_decisions(tx, tx.session.all(queries.APPLICATIONS, before=before, limit=limit))


def trials(tx: Tx, until: date) -> list[Trial]:
    """Items whose trial price ends by a day, earliest first."""
    return tx.session.all(catalogue.TRIALS, until=until)


def _with_decisions(tx: Tx, rows: Sequence[ItemApplication]) -> list[Application]:
    decisions = tx.session.all(queries.DECISIONS, ids=[row.application_id for row in rows])
    return [Application(row, [one for one in decisions if one.application_id == row.application_id]) for row in rows]


def _publish(tx: Tx, command: DecideApplication) -> None:
    if command.item_code is None:
        raise ApplicationWrong("请写明已发布的项目代码。")
    item = known(tx, command.item_code)
    if item.status != "published":
        raise ApplicationWrong(f"项目“{item.name}”还没有复核过的价格，请先定价。", current_status=item.status)
    if command.trial_until is None:
        return
    last = date(tx.today.year + TRIAL_YEARS, tx.today.month, min(tx.today.day, 28))
    if not tx.today < command.trial_until <= last:
        raise ApplicationWrong("试行价格最长两年，请核对试行截止日期。", last=last.isoformat())
    tx.session.execute(catalogue.SET_TRIAL, code_=item.code, until=command.trial_until)
