"""Permissions and parameters for other modules: the only door.

scope = permissions.data_scope(tx, "inpatient.nurse.read")        # whose rows a list may show
days = permissions.parameter(tx, "outpatient.registration.validity_days", unit_id=unit).value
"""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.platform.permissions.service.attesting import (
        answer_attestation,
        attestation,
        attestations,
        open_attestations,
        tell_overdue,
    )
    from functions.platform.permissions.service.contents import CONTENT_TITLES, risky, title_of
    from functions.platform.permissions.service.disusing import unused_permissions, unused_rights, unused_sheet
    from functions.platform.permissions.service.freezing import (
        all_grants,
        ask_lift,
        end_grant,
        freeze_staff,
        frozen,
        grants_here,
        grants_of,
        lift_freeze,
        open_freezes,
        refuse_tokens_before,
    )
    from functions.platform.permissions.service.minute import each_minute
    from functions.platform.permissions.service.numbering import (
        approve_number_rule,
        form_of,
        number_rule_history,
        number_series,
        preview_number,
        refuse_number_rule,
        set_number_rule,
        waiting_number_rules,
    )
    from functions.platform.permissions.service.packaging import (
        Change,
        apply_package,
        export_package,
        import_package,
        package_difference,
        packages,
        review_package,
        roll_back_package,
        withdraw_package,
    )
    from functions.platform.permissions.service.reconciling import finish_run, grants_turning, run_due, runs, start_run
    from functions.platform.permissions.service.requests import (
        agree_request,
        ask_permission,
        carry_out_request,
        numbered_request,
        refuse_request,
        requests_here,
    )
    from functions.platform.permissions.service.rights import DataScope, Holder, Sheet, data_scope, holders, sheet, why
    from functions.platform.permissions.service.ruling import (
        approve_rule,
        ask_rule,
        refuse_rule,
        rule_history,
        rules_at,
        waiting_rules,
    )
    from functions.platform.permissions.service.setting import (
        Resolved,
        approve_value,
        history,
        parameter,
        parameters,
        refuse_value,
        set_value,
        waiting_values,
    )
    from functions.platform.permissions.service.templating import (
        Preview,
        Template,
        draft_template,
        holders_losing,
        preview,
        publish_template,
        published,
        review_template,
        template,
        templates,
        versions_of,
        withdraw_template,
    )

__all__ = [
    "CONTENT_TITLES",
    "Change",
    "DataScope",
    "Holder",
    "Preview",
    "Resolved",
    "Sheet",
    "Template",
    "agree_request",
    "all_grants",
    "answer_attestation",
    "apply_package",
    "approve_number_rule",
    "approve_rule",
    "approve_value",
    "ask_lift",
    "ask_permission",
    "ask_rule",
    "attestation",
    "attestations",
    "carry_out_request",
    "data_scope",
    "draft_template",
    "each_minute",
    "end_grant",
    "export_package",
    "finish_run",
    "form_of",
    "freeze_staff",
    "frozen",
    "grants_here",
    "grants_of",
    "grants_turning",
    "history",
    "holders",
    "holders_losing",
    "import_package",
    "lift_freeze",
    "number_rule_history",
    "number_series",
    "numbered_request",
    "open_attestations",
    "open_freezes",
    "package_difference",
    "packages",
    "parameter",
    "parameters",
    "preview",
    "preview_number",
    "publish_template",
    "published",
    "refuse_number_rule",
    "refuse_request",
    "refuse_rule",
    "refuse_tokens_before",
    "refuse_value",
    "requests_here",
    "review_package",
    "review_template",
    "risky",
    "roll_back_package",
    "rule_history",
    "rules_at",
    "run_due",
    "runs",
    "set_number_rule",
    "set_value",
    "sheet",
    "start_run",
    "tell_overdue",
    "template",
    "templates",
    "title_of",
    "unused_permissions",
    "unused_rights",
    "unused_sheet",
    "versions_of",
    "waiting_number_rules",
    "waiting_rules",
    "waiting_values",
    "why",
    "withdraw_package",
    "withdraw_template",
]

__getattr__ = loaded_on_use(__name__)
