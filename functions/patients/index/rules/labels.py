"""What the register of record access (谁查看过我的档案) says in the patient's words."""

_ACTS = {
    "access_log.read": "查看调阅记录",
    "alert.ended": "解除警示",
    "alert.recorded": "登记警示",
    "allergy.recorded": "登记过敏史",
    "allergy.refuted": "否定过敏史",
    "consent.given": "登记知情同意",
    "consent.read": "查看知情同意",
    "consent.withdrawn": "撤回知情同意",
    "dispute.opened": "提交身份争议",
    "dispute.settled": "处理身份争议",
    "duplicate.read": "核对疑似重复档案",
    "identifier.bound": "绑定卡或号码",
    "identifier.lost": "挂失",
    "identifier.replaced": "换卡",
    "identifier.revoked": "注销卡或号码",
    "patient.banner_read": "诊疗中查看基本信息",
    "patient.card_printed": "打印就诊卡",
    "patient.corrected": "更正个人信息",
    "patient.correction_requested": "申请更正个人信息",
    "patient.deceased": "登记死亡",
    "patient.death_reversed": "撤销死亡登记",
    "patient.exchanged": "院内其他系统核对身份",
    "patient.history_read": "查看变更记录",
    "patient.matched": "凭证件调出档案",
    "patient.merged": "合并档案",
    "patient.normal": "解除受限",
    "patient.own_read": "本人或家人查看",
    "patient.registered": "建档",
    "patient.restricted": "设为受限档案",
    "patient.revealed": "查看完整信息",
    "patient.unmerged": "拆分档案",
    "patient.verified": "核实身份",
    "patient.viewed": "窗口查看档案",
    "patient.wristband_printed": "打印腕带",
    "person.bound": "绑定小程序账号",
    "person.unbound": "解除小程序绑定",
    "police_check.answered": "公安核验返回结果",
    "police_check.asked": "提交公安核验",
    "record_access.break_glass": "紧急调阅",
    "record_access.ended": "调阅授权到期时间变更",
    "record_access.extended": "延长调阅授权",
    "record_access.granted": "因就诊取得调阅授权",
    "record_access.reviewed": "审查紧急调阅",
    "relation.ended": "终止亲属关系",
    "relation.recorded": "登记亲属或联系人",
    "visit.cancelled": "退号",
    "visit.registered": "挂号",
}
_LOOKS = ("read", "viewed", "listed", "printed", "searched", "revealed", "previewed")
_REASONS = {
    "complaint": "处理投诉",
    "consultation": "急会诊",
    "duplicate": "核对疑似重复",
    "emergency": "急诊",
    "exchange": "系统间核对身份",
    "legal": "依法查询",
    "other": "其他",
    "payment": "收费结算",
    "quality": "质量检查",
    "registration": "挂号建档",
    "rescue": "抢救",
    "treatment": "诊疗",
}


def act_label(action: str) -> str:
    """What somebody did. Of acts without words of their own: whether they looked or did something."""
    known = _ACTS.get(action)
    if known is not None:
        return known
    return "查看相关记录" if action.endswith(_LOOKS) else "办理相关业务"


def reason_label(code: str) -> str:
    """Why a record was opened."""
    return _REASONS.get(code, "其他")
