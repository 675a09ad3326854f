"""Sign-on for other modules: the only door besides gates."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.platform.sso.service.admission import (
        carry_out,
        enter_session,
        judge_sign_ons,
        session_state,
    )
    from functions.platform.sso.service.badges import (
        end_badge,
        issue_badge,
        report_own_badge_lost,
        switch_user,
        workstation_sessions,
    )
    from functions.platform.sso.service.bounding import (
        end_policy,
        end_rule,
        notices,
        policies,
        rule_view,
        rules_here,
        set_policy,
        set_rule,
    )
    from functions.platform.sso.service.devices import (
        device_view,
        devices_here,
        end_device,
        end_partner,
        enrol_device,
        partner_view,
        partners,
        register_partner,
        rotate_device,
    )
    from functions.platform.sso.service.emergency import (
        ask_emergency,
        emergencies,
        emergency_view,
        open_emergency,
        seal_emergency,
    )
    from functions.platform.sso.service.following import (
        campus_opened,
        each_minute,
        person_changed,
        records_linked,
        shut_out,
        template_changed,
        waiting,
    )
    from functions.platform.sso.service.patients import (
        bind_child,
        bind_self,
        end_link,
        my_persons,
        sign_patient_on,
    )
    from functions.platform.sso.service.realm import declaration, people, reconcile, tell
    from functions.platform.sso.service.recovery import forget_second_factor, give_password, unlock_account
    from functions.platform.sso.service.sessions import (
        IdleAccount,
        collect_events,
        end_sessions_here,
        end_sessions_of,
        idle_accounts,
        keep_events,
        login_history,
        sessions_of,
        sign_out,
    )

__all__ = [
    "IdleAccount",
    "ask_emergency",
    "bind_child",
    "bind_self",
    "campus_opened",
    "carry_out",
    "collect_events",
    "declaration",
    "device_view",
    "devices_here",
    "each_minute",
    "emergencies",
    "emergency_view",
    "end_badge",
    "end_device",
    "end_link",
    "end_partner",
    "end_policy",
    "end_rule",
    "end_sessions_here",
    "end_sessions_of",
    "enrol_device",
    "enter_session",
    "forget_second_factor",
    "give_password",
    "idle_accounts",
    "issue_badge",
    "judge_sign_ons",
    "keep_events",
    "login_history",
    "my_persons",
    "notices",
    "open_emergency",
    "partner_view",
    "partners",
    "people",
    "person_changed",
    "policies",
    "reconcile",
    "records_linked",
    "register_partner",
    "report_own_badge_lost",
    "rotate_device",
    "rule_view",
    "rules_here",
    "seal_emergency",
    "session_state",
    "sessions_of",
    "set_policy",
    "set_rule",
    "shut_out",
    "sign_out",
    "sign_patient_on",
    "switch_user",
    "tell",
    "template_changed",
    "unlock_account",
    "waiting",
    "workstation_sessions",
]

__getattr__ = loaded_on_use(__name__)
