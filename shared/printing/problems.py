"""What printing can refuse."""

from typing import ClassVar

from shared.problems import Problem


class PrintDataMissing(Problem):
    """A field the form needs is absent or empty. Nothing is printed: half a form is worse than none."""

    status = 422
    code = "print_data_missing"
    title = "打印内容不完整"


class PrintDataInvalid(Problem):
    """A field is there but not of the form's type: an amount that is no amount, a time without a zone."""

    status = 422
    code = "print_data_invalid"
    title = "打印内容有误"


class LayoutUnknown(Problem):
    """No version of the form is in force at the asked moment for this campus."""

    status = 404
    code = "print_layout_unknown"
    title = "没有可用的打印版式"


class LayoutRefused(Problem):
    """A layout somebody wants to publish breaks a rule; `errors` names each place."""

    status = 422
    code = "print_layout_refused"
    title = "版式不能发布"


class LayoutExists(Problem):
    """A published version is a fact; a correction is a new version."""

    status = 409
    code = "print_layout_exists"
    title = "该版本已发布"
    constraint = "uq_print_layouts_form_version_campus_id"
    constraint_detail = "该版式的这一版本已经发布，不能覆盖，请用新的版本号发布。"


class LayoutBroken(Problem):
    """A layout in force can't be rendered: it uses a field it does not declare, or reaches outside."""

    status = 500
    code = "print_layout_broken"
    title = "打印版式有误"


class PrintFontMissing(Problem):
    """The machine has no Chinese font; every character would print as a box."""

    status = 503
    code = "print_font_missing"
    title = "打印字体缺失"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}
