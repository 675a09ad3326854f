"""Refusals about beds, workstations, the calendar, successions, codes and imported sheets."""

from shared.problems import Problem


class BedNotFound(Problem):
    status = 404
    code = "bed_not_found"
    title = "没有这张床"


class BedNumberTaken(Problem):
    status = 409
    code = "bed_number_taken"
    title = "床号已使用"
    constraint = "ex_bed_versions_number"
    constraint_detail = "本病区已有同号的床，请换一个床号，或先停用原床。"


class BedChanged(Problem):
    status = 409
    code = "bed_changed"
    title = "床位已变更"
    constraint = "ex_bed_versions_period"
    constraint_detail = "该床位刚被他人变更，请刷新后核对。"


class BedRetired(Problem):
    status = 409
    code = "bed_retired"
    title = "该床已撤销"


class BedInvalid(Problem):
    code = "bed_invalid"
    title = "床位内容不正确"


class NotAWard(Problem):
    code = "not_a_ward"
    title = "不是病区"


class BedsBeyondLicence(Problem):
    code = "beds_beyond_licence"
    title = "超过编制床位"


class WorkstationNotFound(Problem):
    status = 404
    code = "workstation_not_found"
    title = "没有这台工作站"


class WorkstationCodeTaken(Problem):
    status = 409
    code = "workstation_code_taken"
    title = "工作站代码已使用"
    constraint = "uq_workstations_campus_id_code"
    constraint_detail = "本院区已用过该工作站代码，请换一个。"


class WorkstationHostTaken(Problem):
    status = 409
    code = "workstation_host_taken"
    title = "主机名已登记"
    constraint = "uq_workstations_host"
    constraint_detail = "该主机名已登记在另一台启用的工作站上，请核对。"


class WorkstationCertificateTaken(Problem):
    status = 409
    code = "workstation_certificate_taken"
    title = "证书已登记"
    constraint = "uq_workstations_certificate"
    constraint_detail = "该客户端证书已登记在另一台启用的工作站上，请核对。"


class CalendarInvalid(Problem):
    code = "calendar_invalid"
    title = "日历内容不正确"


class CalendarChanged(Problem):
    status = 409
    code = "calendar_changed_meanwhile"
    title = "日历刚被修改"
    constraint = "uq_calendar_days_live"
    constraint_detail = "这些日期刚被他人修改，请刷新后核对。"


class SuccessionInvalid(Problem):
    code = "succession_invalid"
    title = "拆分或合并内容不正确"


class UnitCodeUnknown(Problem):
    code = "unit_code_system_unknown"
    title = "没有这种对照"


class UnitCodeOverlaps(Problem):
    status = 409
    code = "unit_code_overlaps"
    title = "对照时间重叠"
    constraint = "ex_unit_codes_period"
    constraint_detail = "该科室在此期间已有此类代码，请刷新后核对。"


class ServesOverlaps(Problem):
    status = 409
    code = "unit_serves_already"
    title = "已服务该院区"
    constraint = "ex_unit_serves_period"
    constraint_detail = "该中心在此期间已登记服务该院区，请刷新后核对。"


class NotACentre(Problem):
    code = "not_a_centre"
    title = "不是共享中心"


class SheetUnreadable(Problem):
    code = "sheet_unreadable"
    title = "表格无法读取"
