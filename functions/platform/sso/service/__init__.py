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
    from functions.platform.sso.service.archiving import (
        archive_due,
        archived_logins,
        login_archives,
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
    from functions.platform.sso.service.certificate_sign_on import (
        ask_challenge,
        sign_on_by_certificate,
    )
    from functions.platform.sso.service.certificates import (
        bind_certificate,
        certificate_form,
        certificate_views,
        certificates_here,
        certificates_of,
        hand_out_certificate,
        holder_of,
        report_certificate_lost,
        revoke_certificate,
        signs_with,
    )
    from functions.platform.sso.service.consenting import consent_changed
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
    from functions.platform.sso.service.locking import (
        end_abandoned,
        lock_screen,
        lock_workstation,
        unlock_by_password,
        unlock_workstation,
        workstation_lock,
    )
    from functions.platform.sso.service.messaging import message_asked, outage_view, outages, text_messages
    from functions.platform.sso.service.offline import (
        issue_verifiers,
        offline_sessions,
        tell_offline_sign_ons,
        verifier_issues,
    )
    from functions.platform.sso.service.passwords import change_password
    from functions.platform.sso.service.patients import (
        bind_child,
        bind_self,
        end_link,
        my_persons,
        sign_patient_on,
    )
    from functions.platform.sso.service.phones import ask_phone_code, sign_on_by_phone
    from functions.platform.sso.service.prints import (
        account_slip,
        partner_form,
    )
    from functions.platform.sso.service.realm import declaration, people, reconcile, tell
    from functions.platform.sso.service.recovery import forget_second_factor, give_password, unlock_account
    from functions.platform.sso.service.relatives import (
        agree_at_window,
        ask_family,
        confirm_family,
        end_relative,
        end_relative_at_window,
        my_relatives,
        relatives_at_window,
    )
    from functions.platform.sso.service.resetting import reset_password
    from functions.platform.sso.service.revoking import upload_list
    from functions.platform.sso.service.scanning import (
        collect_scan,
        decide_scan,
        scan_code,
        show_code,
    )
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
    from functions.platform.sso.service.ticketing import (
        cas_back,
        cas_login,
        cas_logout,
        cas_prefix,
        cas_tickets,
        cas_told,
        cas_validate,
    )
    from functions.platform.sso.service.trusting import (
        anchor_views,
        anchors,
        confirm_anchor,
        end_anchor,
        list_view,
        point_anchor,
        register_anchor,
        revocation_lists,
    )

__all__ = [
    "IdleAccount",
    "account_slip",
    "agree_at_window",
    "anchor_views",
    "anchors",
    "archive_due",
    "archived_logins",
    "ask_challenge",
    "ask_emergency",
    "ask_family",
    "ask_phone_code",
    "bind_certificate",
    "bind_child",
    "bind_self",
    "campus_opened",
    "carry_out",
    "cas_back",
    "cas_login",
    "cas_logout",
    "cas_prefix",
    "cas_tickets",
    "cas_told",
    "cas_validate",
    "certificate_form",
    "certificate_views",
    "certificates_here",
    "certificates_of",
    "change_password",
    "collect_events",
    "collect_scan",
    "confirm_anchor",
    "confirm_family",
    "consent_changed",
    "decide_scan",
    "declaration",
    "device_view",
    "devices_here",
    "each_minute",
    "emergencies",
    "emergency_view",
    "end_abandoned",
    "end_anchor",
    "end_badge",
    "end_device",
    "end_link",
    "end_partner",
    "end_policy",
    "end_relative",
    "end_relative_at_window",
    "end_rule",
    "end_sessions_here",
    "end_sessions_of",
    "enrol_device",
    "enter_session",
    "forget_second_factor",
    "give_password",
    "hand_out_certificate",
    "holder_of",
    "idle_accounts",
    "issue_badge",
    "issue_verifiers",
    "judge_sign_ons",
    "keep_events",
    "list_view",
    "lock_screen",
    "lock_workstation",
    "login_archives",
    "login_history",
    "message_asked",
    "my_persons",
    "my_relatives",
    "notices",
    "offline_sessions",
    "open_emergency",
    "outage_view",
    "outages",
    "partner_form",
    "partner_view",
    "partners",
    "people",
    "person_changed",
    "point_anchor",
    "policies",
    "reconcile",
    "records_linked",
    "register_anchor",
    "register_partner",
    "relatives_at_window",
    "report_certificate_lost",
    "report_own_badge_lost",
    "reset_password",
    "revocation_lists",
    "revoke_certificate",
    "rotate_device",
    "rule_view",
    "rules_here",
    "scan_code",
    "seal_emergency",
    "session_state",
    "sessions_of",
    "set_policy",
    "set_rule",
    "show_code",
    "shut_out",
    "sign_on_by_certificate",
    "sign_on_by_phone",
    "sign_out",
    "sign_patient_on",
    "signs_with",
    "switch_user",
    "tell",
    "tell_offline_sign_ons",
    "template_changed",
    "text_messages",
    "unlock_account",
    "unlock_by_password",
    "unlock_workstation",
    "upload_list",
    "verifier_issues",
    "waiting",
    "workstation_lock",
    "workstation_sessions",
]

__getattr__ = loaded_on_use(__name__)
