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
    status = 422
    code = "price_above_ceiling"
    title = "超过最高限价"


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
