"""Use cases of outpatient registration, one file per verb. What other modules call stands in `__all__`."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.outpatient.registration.service.agreeing import owe_green_channel
    from functions.outpatient.registration.service.articles import issue_article, record_slip
    from functions.outpatient.registration.service.bracelets import (
        batches,
        bracelets_to_print,
        close_batch,
        prepare_bracelets,
        read_batch,
    )
    from functions.outpatient.registration.service.cancel import (
        Cancelled,
        approve_release,
        cancel_visit,
        refund_missed,
        refund_stopped_session,
        release_visit,
        waiting_releases,
    )
    from functions.outpatient.registration.service.collect import collect_number
    from functions.outpatient.registration.service.corrections import waiting_corrections
    from functions.outpatient.registration.service.emergency import (
        change_level,
        green_channels,
        open_green_channel,
        pays_later,
        register_emergency,
    )
    from functions.outpatient.registration.service.entering import Registered
    from functions.outpatient.registration.service.following import follow_moved_session, follow_replaced_doctor
    from functions.outpatient.registration.service.payer import change_payer
    from functions.outpatient.registration.service.reading import (
        DayFilter,
        Load,
        current_visits,
        department_load,
        find_visit,
        read_visit,
        visits_of_day,
        visits_of_patient,
        visits_of_session,
    )
    from functions.outpatient.registration.service.register import register_visit
    from functions.outpatient.registration.service.reports import drop_report, expect_report, report_ready
    from functions.outpatient.registration.service.states import (
        check_in,
        drop_insurance_visit,
        each_minute,
        finish_visit,
        mark_left,
        mark_no_show,
        record_insurance_visit,
        reopen_visit,
        start_consultation,
        take_over,
    )
    from functions.outpatient.registration.service.transfer import Transferred, transfer_visit

__all__ = [
    "Cancelled",
    "DayFilter",
    "Load",
    "Registered",
    "Transferred",
    "approve_release",
    "batches",
    "bracelets_to_print",
    "cancel_visit",
    "change_level",
    "change_payer",
    "check_in",
    "close_batch",
    "collect_number",
    "current_visits",
    "department_load",
    "drop_insurance_visit",
    "drop_report",
    "each_minute",
    "expect_report",
    "find_visit",
    "finish_visit",
    "follow_moved_session",
    "follow_replaced_doctor",
    "green_channels",
    "issue_article",
    "mark_left",
    "mark_no_show",
    "open_green_channel",
    "owe_green_channel",
    "pays_later",
    "prepare_bracelets",
    "read_batch",
    "read_visit",
    "record_insurance_visit",
    "record_slip",
    "refund_missed",
    "refund_stopped_session",
    "register_emergency",
    "register_visit",
    "release_visit",
    "reopen_visit",
    "report_ready",
    "start_consultation",
    "take_over",
    "transfer_visit",
    "visits_of_day",
    "visits_of_patient",
    "visits_of_session",
    "waiting_corrections",
    "waiting_releases",
]

__getattr__ = loaded_on_use(__name__)
