"""Refusals of the patient index. Those of single numbers and dates are declared beside their rules."""

from shared.problems import Problem


class IdentityDisputed(Problem):
    """The document number already belongs to a person of another name (冒用身份 or a typing error); kept on record."""

    status = 409
    code = "identity_disputed"
    title = "该证件号已属于另一姓名"
    traced = True


class CardReadIncomplete(Problem):
    status = 422
    code = "card_read_incomplete"
    title = "读卡不完整"


class IdentityIncomplete(Problem):
    status = 422
    code = "identity_incomplete"
    title = "身份信息不完整"


class DocumentFormat(Problem):
    status = 422
    code = "document_format"
    title = "证件号码格式不符"


class PhoneRequired(Problem):
    status = 422
    code = "phone_required"
    title = "缺少手机号码"


class PhoneFormat(Problem):
    status = 422
    code = "phone_format"
    title = "电话号码格式不符"


class GuardianRequired(Problem):
    """A person under 14 is registered with a guardian (个人信息保护法 art. 31)."""

    status = 422
    code = "guardian_required"
    title = "缺少监护人"


class IdentifierInUse(Problem):
    status = 409
    code = "identifier_in_use"
    title = "该号码已被他人使用"
    constraint = "uq_identifiers_active"
    constraint_detail = "该卡号或证件号已绑定其他患者，请核对；确属同一人的请走合并。"


class IdentifierKindTaken(Problem):
    status = 409
    code = "identifier_kind_taken"
    title = "已有同类有效号码"
    constraint = "uq_identifiers_single"
    constraint_detail = "该患者已有同类有效号码，请改用更换或更正。"


class IdentifierStopped(Problem):
    """A card reported lost, replaced or revoked is refused at every campus at once."""

    status = 409
    code = "identifier_stopped"
    title = "该卡或证件已停用"


class IdentifierNotActive(Problem):
    status = 409
    code = "identifier_not_active"
    title = "该号码已停用"


class EvidenceRequired(Problem):
    status = 422
    code = "evidence_required"
    title = "缺少证明材料"


class NothingToChange(Problem):
    status = 422
    code = "nothing_to_change"
    title = "没有需要更正的内容"


class CorrectionPending(Problem):
    status = 409
    code = "correction_pending"
    title = "已有待核对的更正"
    constraint = "uq_corrections_pending"
    constraint_detail = "该患者已有一项更正等待第二人核对，请先办结。"


class CorrectionDecided(Problem):
    status = 409
    code = "correction_decided"
    title = "该更正已办结"


class IdentityLevelNotHigher(Problem):
    status = 422
    code = "identity_level_not_higher"
    title = "身份核实等级只能提高"


class NameTooShort(Problem):
    status = 422
    code = "name_too_short"
    title = "姓名至少两个字"


class SearchEmpty(Problem):
    status = 422
    code = "search_empty"
    title = "缺少查询条件"


class OpeningReasonRequired(Problem):
    """The record of a restricted person (受限) is opened with a reason, unless the person is treated here."""

    status = 422
    code = "opening_reason_required"
    title = "受限档案须注明调阅原因"


class BreakGlassReasonMissing(Problem):
    """An emergency opening says why in ten characters or more; who tried without stays on record."""

    status = 422
    code = "break_glass_reason_missing"
    title = "紧急调阅须写明原因"
    traced = True


class FactEnded(Problem):
    status = 409
    code = "fact_already_ended"
    title = "该记录已终止"


class AllergyOnRecord(Problem):
    status = 409
    code = "allergy_on_record"
    title = "已有过敏记录"


class StatementOnRecord(Problem):
    status = 409
    code = "allergy_statement_on_record"
    title = "已有相同声明"
    constraint = "uq_allergies_statement"
    constraint_detail = "该患者已有无过敏史或不详的声明，请先终止原声明。"


class ConsentInForce(Problem):
    status = 409
    code = "consent_in_force"
    title = "该同意已生效"
    constraint = "uq_consents_in_force"
    constraint_detail = "该患者已有同类有效同意；需更新版本的请先撤回。"


class SameRecord(Problem):
    status = 409
    code = "same_record"
    title = "两份档案已是同一人"


class PairDecided(Problem):
    status = 409
    code = "pair_decided"
    title = "该对档案已有结论"


class MergeSexConflict(Problem):
    status = 422
    code = "merge_sex_conflict"
    title = "性别不一致，不能合并"


class MergeBloodConflict(Problem):
    status = 422
    code = "merge_blood_conflict"
    title = "血型不一致，不能合并"


class MergeResidentIdsDiffer(Problem):
    status = 422
    code = "merge_resident_ids_differ"
    title = "身份证号不同，不能合并"


class MergeTwins(Problem):
    status = 422
    code = "merge_twins"
    title = "疑似多胞胎，不能合并"


class MergeDisputed(Problem):
    status = 409
    code = "merge_disputed"
    title = "存在未处理的身份争议"


class MergePending(Problem):
    status = 409
    code = "merge_pending"
    title = "合并正在等待复核"
    constraint = "uq_merges_pending"
    constraint_detail = "这两份档案的合并已提交，正在等待另一位主索引管理员复核。"


class MergeNotPending(Problem):
    status = 409
    code = "merge_not_pending"
    title = "该合并不在待复核状态"


class MergeNotDone(Problem):
    status = 409
    code = "merge_not_done"
    title = "该合并未生效或已拆分"


class AssignmentsMissing(Problem):
    """Every record written since the merge needs a decision whose it is; nothing is guessed."""

    status = 422
    code = "assignments_missing"
    title = "合并后的记录尚未全部归属"


class DisputeSettled(Problem):
    status = 409
    code = "dispute_settled"
    title = "该争议已办结"


class AlreadyReviewed(Problem):
    status = 409
    code = "opening_already_reviewed"
    title = "该调阅已审查"


class RelatedToSelf(Problem):
    status = 422
    code = "related_to_self"
    title = "亲属不能是本人"


class DeathMoment(Problem):
    status = 422
    code = "death_moment"
    title = "死亡时间不符"


class BloodGroupConfirmed(Problem):
    """What laboratory or transfusion has confirmed, nobody overwrites by hearsay."""

    status = 409
    code = "blood_group_confirmed"
    title = "血型已由检验确认"


class AlertMismatch(Problem):
    status = 422
    code = "alert_mismatch"
    title = "警示与患者不符"


class AlreadyDeceased(Problem):
    status = 409
    code = "already_deceased"
    title = "该患者已登记死亡"


class NotDeceased(Problem):
    status = 409
    code = "not_deceased"
    title = "该患者没有死亡登记"


class NewbornRegistered(Problem):
    status = 409
    code = "newborn_registered"
    title = "该新生儿已建档"
    constraint = "uq_patients_newborn"
    constraint_detail = "该新生儿刚刚已建档，请刷新后核对。"


class NoVisitCard(Problem):
    status = 409
    code = "no_visit_card"
    title = "没有在用的就诊卡"


class ExchangeQuery(Problem):
    """A question of another system that nobody can answer as it stands (parameter, form of a value)."""

    status = 400
    code = "exchange_query"
    title = "查询参数不符"


class UnknownDomain(Problem):
    """The system that is said to have given a number is none the index knows (ITI-83: code-invalid)."""

    status = 400
    code = "identifier_system_unknown"
    title = "未知的编号体系"


class UnknownTargetDomain(Problem):
    """Numbers are asked for of a system the index does not know (ITI-83: 403, code-invalid)."""

    status = 403
    code = "target_system_unknown"
    title = "未知的目标编号体系"


class NumberUnknown(Problem):
    """The system is known, the number is nobody's (ITI-83: not-found)."""

    status = 404
    code = "number_unknown"
    title = "没有持有该编号的人"


class FeedConflict(Problem):
    """What another system reports contradicts the person's documents: people decide, not messages.

    Logged by the use case, not traced by the kernel: the address of the request holds the number.
    """

    status = 409
    code = "feed_conflict"
    title = "上报内容与主索引不一致"


class IdentityCheckOff(Problem):
    status = 409
    code = "identity_check_off"
    title = "公安核验尚未接通"


class IdentityCheckNeedless(Problem):
    status = 409
    code = "identity_check_needless"
    title = "无需公安核验"


class IdentityCheckWaiting(Problem):
    status = 409
    code = "identity_check_waiting"
    title = "公安核验正在进行"
    constraint = "uq_police_checks_waiting"
    constraint_detail = "该患者的公安核验已提交，结果返回前无需重复提交。"
