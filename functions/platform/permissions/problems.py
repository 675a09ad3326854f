"""Refusals of permissions and parameters."""

from shared.problems import NotFound, Problem


class TemplateNotFound(NotFound):
    code = "template_not_found"
    title = "没有这个岗位模板"


class TemplateBreaksSeparation(Problem):
    """Permissions that must not meet in one person (不相容) stand in one template, or would meet in a holder."""

    code = "template_breaks_separation"
    title = "模板含不相容权限"
    traced = True


class UnknownPermission(Problem):
    code = "unknown_permission"
    title = "没有这个权限点"


class TemplateTooFar(Problem):
    """More differences to the release than tokens can carry."""

    code = "template_too_far"
    title = "模板改动过多"


class DraftOpen(Problem):
    status = 409
    code = "template_draft_open"
    title = "该岗位已有未完成的模板草稿"
    constraint = "uq_template_versions_open"
    constraint_detail = "该岗位已有草稿或待发布版本，请先发布或撤回。"


class NothingChanges(Problem):
    code = "template_unchanged"
    title = "模板没有变化"


class WrongState(Problem):
    status = 409
    code = "permission_state"
    title = "当前状态不能办理"


class SeparationBroken(Problem):
    """A single permission would join with the person's posts what must be kept apart."""

    code = "separation_broken"
    title = "与现有岗位不相容"
    traced = True


class NotHere(Problem):
    code = "campus_not_theirs"
    title = "该职工在本院区没有岗位"


class LicenceLacking(Problem):
    """Somebody applies for a post for a person without the licence the post rests on."""

    code = "request_without_licence"
    title = "岗位所需的执业证书无效"
    traced = True


class EndMissing(Problem):
    code = "end_date_missing"
    title = "缺少截止日期"


class TermTooLong(Problem):
    code = "grant_too_long"
    title = "授权期限过长"


class CompanionMissing(Problem):
    code = "companion_missing"
    title = "缺少陪同人"


class GrantOverlaps(Problem):
    status = 409
    code = "grant_overlaps"
    title = "该权限已授予"
    constraint = "ex_extra_scopes_period"
    constraint_detail = "该职工在此期间已有同一单项授权，请刷新后核对。"


class TooManyGrants(Problem):
    code = "too_many_grants"
    title = "单项授权过多"


class GrantNotFound(NotFound):
    code = "grant_not_found"
    title = "没有这项授权"


class RequestNotFound(NotFound):
    code = "request_not_found"
    title = "没有这份申请"


class AlreadyFrozen(Problem):
    status = 409
    code = "already_frozen"
    title = "该职工已冻结"
    constraint = "uq_freezes_open"
    constraint_detail = "该职工已处于冻结状态，无需再次冻结。"


class NotFrozen(Problem):
    status = 409
    code = "not_frozen"
    title = "该职工未冻结"


class UnknownParameter(NotFound):
    code = "unknown_parameter"
    title = "没有这个参数"


class ParameterInvalid(Problem):
    code = "parameter_invalid"
    title = "参数值不正确"


class LevelNotAllowed(Problem):
    code = "parameter_level"
    title = "该参数不能在此级别设置"


class ParameterOverlaps(Problem):
    status = 409
    code = "parameter_overlaps"
    title = "参数时间重叠"
    constraint = "ex_parameter_values_period"
    constraint_detail = "该时间之后已安排此参数的变更，请刷新后核对。"


class ValueNotFound(NotFound):
    code = "parameter_value_not_found"
    title = "没有这条参数变更"


class AttestationNotFound(NotFound):
    code = "attestation_not_found"
    title = "没有这份复核"


class AttestationIncomplete(Problem):
    code = "attestation_incomplete"
    title = "复核未填完"


class RuleNotFound(NotFound):
    code = "data_rule_not_found"
    title = "没有这条数据规则"


class RuleWaits(Problem):
    status = 409
    code = "data_rule_waits"
    title = "该规则已有待审变更"
    constraint = "uq_data_rules_asked"
    constraint_detail = "该规则已有一项变更等待归口审批，请先办理该项。"


class RuleLevel(Problem):
    """A rule for all campuses is the head hospital's to set."""

    code = "data_rule_level"
    title = "该数据规则不能在本院区设置"


class RuleUnchanged(Problem):
    code = "data_rule_unchanged"
    title = "数据规则没有变化"


class PackageNotFound(NotFound):
    code = "package_not_found"
    title = "没有这个配置包"


class PackageKeyMissing(Problem):
    status = 503
    code = "package_key_missing"
    title = "缺少配置包密钥"


class PackageForged(Problem):
    """The signature does not fit, or no trusted installation made it."""

    code = "package_forged"
    title = "配置包签名不符"
    traced = True


class PackageUnknownKeys(Problem):
    """Parameters or campuses this installation does not know, or values they cannot have: refused as a whole."""

    code = "package_unknown_keys"
    title = "配置包含不能识别的内容"


class PackageOvertaken(Problem):
    status = 409
    code = "package_overtaken"
    title = "配置包之后已有变更"


class NothingExported(Problem):
    code = "package_empty"
    title = "没有可导出的参数"


class SeriesUnknown(NotFound):
    code = "number_series_unknown"
    title = "没有这种编号"


class SeriesFixed(Problem):
    """The number is known outside, or its program counts it: no campus may have it read otherwise."""

    code = "number_series_fixed"
    title = "该编号不能更改"


class NumberRuleInvalid(Problem):
    code = "number_rule_invalid"
    title = "编号规则填写有误"


class NumberMarkTaken(Problem):
    """Two series under one mark would give the same number to two things."""

    status = 409
    code = "number_mark_taken"
    title = "前缀已被其他编号使用"
    constraint = "ex_number_rules_one_series"
    constraint_detail = "该前缀已用于其他编号（含其他院区和以往规则），请换一个前缀。"


class NumberMarkReset(Problem):
    """One mark with two ways of starting again could give the same number twice."""

    status = 409
    code = "number_mark_reset"
    title = "更改归零方式须同时更换前缀"
    constraint = "ex_number_rules_one_reset"
    constraint_detail = "该前缀在本院区曾按另一种归零方式编号，可能与旧号重复，请换一个前缀。"


class NumberRuleTooLate(Problem):
    code = "number_rule_too_late"
    title = "编号规则最早次日生效"


class NumberRuleUnchanged(Problem):
    code = "number_rule_unchanged"
    title = "编号规则没有变化"


class NumberRuleWaits(Problem):
    status = 409
    code = "number_rule_waits"
    title = "该编号已有待复核变更"
    constraint = "uq_number_rules_asked"
    constraint_detail = "该编号在本院区已有一项变更等待复核，请先办理该项。"


class NumberRuleOverlaps(Problem):
    status = 409
    code = "number_rule_overlaps"
    title = "该日已有编号规则"
    constraint = "uq_number_rules_start"
    constraint_detail = "他人刚安排了同一天生效的规则，请刷新后核对。"


class NumberRuleNotFound(NotFound):
    code = "number_rule_not_found"
    title = "没有这条编号规则"
