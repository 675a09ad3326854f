"""Use cases of the clinic schedule; the number pool is what registration, booking, doctor and referral call."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.outpatient.schedule.problems import HoldLost, SessionFull
    from functions.outpatient.schedule.queries.availability import Available, Offer
    from functions.outpatient.schedule.queries.pool import SlotPlace, SlotTaken
    from functions.outpatient.schedule.service.attendance import close_session, open_session
    from functions.outpatient.schedule.service.bars import (
        bar_doctor,
        calendar_changed,
        licence_expired,
        lift_bar,
        privilege_revoked,
        secondment_ended,
        secondment_started,
        staff_left,
    )
    from functions.outpatient.schedule.service.changes import (
        block_bands,
        extend_session,
        move_session,
        open_emergency,
        replace_doctor,
    )
    from functions.outpatient.schedule.service.checking import check_days
    from functions.outpatient.schedule.service.clinics import change_clinic, define_clinic
    from functions.outpatient.schedule.service.contingency import freeze_today, lift_freeze, take_frozen_slot
    from functions.outpatient.schedule.service.corrections import correct_attendance, decide_correction
    from functions.outpatient.schedule.service.minute import each_minute
    from functions.outpatient.schedule.service.numbers import (
        add_extra,
        move_quota,
        release_by_hand,
        return_rules,
        set_extra_cap,
        set_return_rule,
    )
    from functions.outpatient.schedule.service.people import (
        answer_swap,
        ask_leave,
        decide_leave,
        decide_profile,
        decide_swap,
        doctor_photo,
        introduce_doctor,
        propose_swap,
        withdraw_leave,
    )
    from functions.outpatient.schedule.service.pool import (
        confirm_slot,
        drop_hold,
        expect_waiting,
        hand_over_slot,
        hold_slot,
        moved_from,
        offers,
        return_slot,
        slot_places,
        take_slot,
        use_slot,
    )
    from functions.outpatient.schedule.service.reading import availability, bands_left, compare_campuses, sellable
    from functions.outpatient.schedule.service.steps import (
        approve_session,
        discard_session,
        edit_session,
        plan_session,
        publish_session,
        send_back_session,
        split_session,
        step_sessions,
        submit_session,
    )
    from functions.outpatient.schedule.service.stops import (
        changed_numbers,
        consent_to_stop,
        preview_stop,
        refuse_stop,
        request_stop,
        stop_session,
    )
    from functions.outpatient.schedule.service.templates import (
        activate_template,
        copy_week,
        define_template,
        end_template,
        generate,
    )

__all__ = [
    "Available",
    "HoldLost",
    "Offer",
    "SessionFull",
    "SlotPlace",
    "SlotTaken",
    "activate_template",
    "add_extra",
    "answer_swap",
    "approve_session",
    "ask_leave",
    "availability",
    "bands_left",
    "bar_doctor",
    "block_bands",
    "calendar_changed",
    "change_clinic",
    "changed_numbers",
    "check_days",
    "close_session",
    "compare_campuses",
    "confirm_slot",
    "consent_to_stop",
    "copy_week",
    "correct_attendance",
    "decide_correction",
    "decide_leave",
    "decide_profile",
    "decide_swap",
    "define_clinic",
    "define_template",
    "discard_session",
    "doctor_photo",
    "drop_hold",
    "each_minute",
    "edit_session",
    "end_template",
    "expect_waiting",
    "extend_session",
    "freeze_today",
    "generate",
    "hand_over_slot",
    "hold_slot",
    "introduce_doctor",
    "licence_expired",
    "lift_bar",
    "lift_freeze",
    "move_quota",
    "move_session",
    "moved_from",
    "offers",
    "open_emergency",
    "open_session",
    "plan_session",
    "preview_stop",
    "privilege_revoked",
    "propose_swap",
    "publish_session",
    "refuse_stop",
    "release_by_hand",
    "replace_doctor",
    "request_stop",
    "return_rules",
    "return_slot",
    "secondment_ended",
    "secondment_started",
    "sellable",
    "send_back_session",
    "set_extra_cap",
    "set_return_rule",
    "slot_places",
    "split_session",
    "staff_left",
    "step_sessions",
    "stop_session",
    "submit_session",
    "take_frozen_slot",
    "take_slot",
    "use_slot",
    "withdraw_leave",
]

__getattr__ = loaded_on_use(__name__)
