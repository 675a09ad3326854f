"""What the charge catalogue refuses."""

from shared.problems import Problem


class ItemUnknown(Problem):
    status = 404
    code = "charge_item_unknown"
    title = "没有这个收费项目"


class NoPrice(Problem):
    status = 422
    code = "no_price"
    title = "项目没有价格"


class ItemStopped(Problem):
    status = 422
    code = "charge_item_stopped"
    title = "项目已停用"


class ItemCodeTaken(Problem):
    status = 409
    code = "charge_item_code_taken"
    title = "项目代码已使用"
    constraint = "uq_charge_items_code"
    constraint_detail = "已有相同代码的收费项目，请核对或改用其他代码。"


class PricePeriodOverlaps(Problem):
    status = 409
    code = "price_period_overlaps"
    title = "价格有效期重叠"
    constraint = "ex_price_versions_period"
    constraint_detail = "该项目在此时段已有另一价格，请核对两条价格的生效时间。"


class PriceBackDated(Problem):
    status = 422
    code = "price_back_dated"
    title = "价格不能追溯生效"


class PriceAboveCeiling(Problem):
    """The attempt stays on record (spec 40, "Bad input and faults")."""

    status = 422
    code = "price_above_ceiling"
    title = "超过最高限价"
    traced = True


class PriceStateWrong(Problem):
    status = 409
    code = "price_state_wrong"
    title = "价格当前状态不允许此操作"


class BatchNotClean(Problem):
    status = 409
    code = "price_batch_not_clean"
    title = "导入批次还有问题行"


class BatchStateWrong(Problem):
    status = 409
    code = "price_batch_state_wrong"
    title = "导入批次当前状态不允许此操作"


class StopsUnconfirmed(Problem):
    status = 409
    code = "price_list_stops_unconfirmed"
    title = "将停用的项目未确认"


class MarketPriceTooSoon(Problem):
    status = 422
    code = "market_price_too_soon"
    title = "市场调节价公示期不足"


class SpecialNeedNotMarket(Problem):
    """特需服务 has a market-regulated price (spec 40, 11)."""

    status = 422
    code = "special_need_not_market"
    title = "特需服务须为市场调节价"


class FormTooLong(Problem):
    status = 422
    code = "price_form_too_long"
    title = "内容过多，不能打印"


class CampusPriceNotAllowed(Problem):
    status = 403
    code = "campus_price_not_allowed"
    title = "不能制定院区价格"


class ConsortiumList(Problem):
    status = 403
    code = "consortium_price_list"
    title = "统一价表由总院维护"


class UnitUnknown(Problem):
    status = 422
    code = "charge_unit_unknown"
    title = "没有这个计价单位"


class ItemFixed(Problem):
    status = 409
    code = "charge_item_fixed"
    title = "已发布项目的该内容不能更改"


class QuantityNotAllowed(Problem):
    status = 422
    code = "quantity_not_allowed"
    title = "数量不符合收费规定"


class BatchTooLong(Problem):
    status = 422
    code = "price_batch_too_long"
    title = "导入批次过大"


class RuleWrong(Problem):
    status = 422
    code = "price_rule_wrong"
    title = "规则内容不完整或相互矛盾"


class RuleCycle(Problem):
    status = 422
    code = "price_rule_cycle"
    title = "包含关系成环"


class RuleStateWrong(Problem):
    status = 409
    code = "price_rule_state_wrong"
    title = "规则当前状态不允许此操作"


class LimitsBroken(Problem):
    status = 422
    code = "price_limits_broken"
    title = "不符合收费规则"


class ExecutingUnitNotAllowed(Problem):
    status = 422
    code = "executing_unit_not_allowed"
    title = "执行科室不符合项目规定"


class RequestRequired(Problem):
    status = 422
    code = "charge_request_required"
    title = "项目须由申请产生"


class PackageUnusable(Problem):
    status = 422
    code = "package_unusable"
    title = "套餐不能使用"


class PackagePriceNotAllowed(Problem):
    status = 422
    code = "package_price_not_allowed"
    title = "套餐不能有自己的价格"


class PackageOverlaps(Problem):
    status = 409
    code = "package_period_overlaps"
    title = "套餐有效期重叠"
    constraint = "ex_package_versions_period"
    constraint_detail = "该套餐在此时段已有另一组成，请核对生效时间。"


class MappingOverlaps(Problem):
    status = 409
    code = "item_mapping_overlaps"
    title = "对照有效期重叠"
    constraint = "ex_item_mappings_period"
    constraint_detail = "该项目在此目录的对照刚被他人修改，请刷新后核对。"


class InsuranceCodeTaken(Problem):
    status = 409
    code = "insurance_code_taken"
    title = "医保编码已被其他项目对照"
    constraint = "ex_item_mappings_insurance"
    constraint_detail = "医保对照须一一对应，该医保编码已对照到其他项目，请先核对原对照。"


class ItemUnmapped(Problem):
    status = 422
    code = "charge_item_unmapped"
    title = "项目未对照"


class ItemMappingsMissing(Problem):
    status = 422
    code = "item_mappings_missing"
    title = "项目对照不齐全"


class MappingRequired(Problem):
    status = 409
    code = "mapping_required_already"
    title = "该对照已是发布的必要条件"
    constraint = "uq_mapping_requirements_scheme"
    constraint_detail = "该目录的对照已规定为发布的必要条件，请刷新后核对。"


class CorrectionOpen(Problem):
    status = 409
    code = "price_correction_open"
    title = "该价格已有更正在办"
    constraint = "uq_price_corrections_open"
    constraint_detail = "该价格已有一份更正在审批，请先办结。"


class CorrectionWrong(Problem):
    status = 422
    code = "price_correction_wrong"
    title = "不能更正"


class CorrectionStateWrong(Problem):
    status = 409
    code = "price_correction_state_wrong"
    title = "更正当前状态不允许此操作"


class ApplicationStateWrong(Problem):
    status = 409
    code = "item_application_state_wrong"
    title = "申请当前状态不允许此操作"
    constraint = "uq_application_decisions_application_id_step"
    constraint_detail = "这一步刚由他人作出决定，请刷新后核对。"


class ApplicationWrong(Problem):
    status = 422
    code = "item_application_wrong"
    title = "申请材料或批复内容有误"


class CaseClosed(Problem):
    status = 409
    code = "price_case_closed"
    title = "已办结"


class MonitorRuleWrong(Problem):
    status = 422
    code = "monitor_rule_wrong"
    title = "监测规则不完整"


class DocumentWrong(Problem):
    status = 422
    code = "price_document_wrong"
    title = "依据文件不能登记"


class DocumentTaken(Problem):
    status = 409
    code = "price_document_taken"
    title = "该文件已登记"
    constraint = "uq_price_documents_received_id"
    constraint_detail = "这份上传的文件已登记为依据文件，请从已登记的文件中选择。"


class ListUnreadable(Problem):
    status = 422
    code = "price_list_unreadable"
    title = "价格表无法读取"
