"""The one table of gates and who answers them (import strings, loaded on first use)."""

ANSWERS: dict[str, tuple[str, ...]] = {
    "organisation/structure: before_close_unit": (
        "functions.outpatient.registration.gates:answer_before_close_unit",
        "functions.outpatient.schedule.gates:answer_before_close_unit",
        "functions.payments.billing.gates:answer_before_close_unit",
    ),
    "organisation/structure: before_empty_bed": (),
    "organisation/structure: open_work": (),
    "outpatient/registration: before_register": (),
    "outpatient/schedule: before_publish": (),
    "outpatient/schedule: stop_considered": ("functions.payments.billing.gates:answer_stop_considered",),
    "patients/index: before_merge": ("functions.payments.billing.gates:answer_before_merge",),
    "payments/billing: before_settlement": (),
}
"""Gates without answers yet wait for medical_affairs/insurance, outpatient/booking, consortium/referral, hrp/personnel,
diagnostics/anaesthesia and outpatient/doctor."""

TASKS: tuple[str, ...] = ("functions.operations.maintenance.jobs:tasks",)
"""What modules ask the worker to do for them, as `module:function`."""
