"""Refusals of the organisation."""

from shared.problems import Problem


class CodeTaken(Problem):
    status = 409
    code = "campus_code_taken"
    title = "院区代码已使用"
    constraint = "pk_campuses"
    constraint_detail = "该院区代码已使用过；代码不重复使用，请换一个。"


class LetterTaken(Problem):
    status = 409
    code = "campus_letter_taken"
    title = "院区字母已使用"
    constraint = "uq_campuses_letter"
    constraint_detail = "该字母已属于另一院区，请换一个大写字母。"


class HeadExists(Problem):
    status = 409
    code = "head_campus_exists"
    title = "已有总院"
    constraint = "uq_campuses_head"
    constraint_detail = "医共体只有一个总院；请不要把新院区标为总院。"


class CampusNotFound(Problem):
    status = 404
    code = "campus_not_found"
    title = "没有这个院区"


class CampusInUse(Problem):
    status = 409
    code = "campus_in_use"
    title = "院区仍在使用"


class PriceLevelOverlaps(Problem):
    status = 409
    code = "price_level_overlaps"
    title = "价格等级时间重叠"
    constraint = "ex_campus_price_levels_period"
    constraint_detail = "该时间之后已安排价格等级变更，请刷新后核对。"


class SettingInvalid(Problem):
    code = "setting_invalid"
    title = "参数值不正确"


class SettingOverlaps(Problem):
    status = 409
    code = "setting_overlaps"
    title = "参数时间重叠"
    constraint = "ex_campus_settings_period"
    constraint_detail = "该时间之后已安排此参数的变更，请刷新后核对。"


class PastChange(Problem):
    code = "past_change"
    title = "不能更改过去"


class UnitNotFound(Problem):
    status = 404
    code = "unit_not_found"
    title = "没有这个科室"


class UnitNotInForce(Problem):
    code = "unit_not_in_force"
    title = "科室当日未启用"


class UnitCodeTaken(Problem):
    status = 409
    code = "unit_code_taken"
    title = "科室代码已使用"
    constraint = "uq_units_campus_id_code"
    constraint_detail = "本院区已用过该科室代码；代码不重复使用，请换一个。"


class UnitPeriodOverlaps(Problem):
    status = 409
    code = "unit_period_overlaps"
    title = "科室时间重叠"
    constraint = "ex_unit_versions_period"
    constraint_detail = "该科室在此期间已有其他变更，请刷新后重新操作。"


class SecondRoot(Problem):
    status = 409
    code = "second_root"
    title = "院区已有根科室"
    constraint = "ex_unit_versions_root"
    constraint_detail = "每个院区只有一个根，请选择上级科室。"


class UnitCycle(Problem):
    code = "unit_cycle"
    title = "科室上下级循环"


class ParentNotInForce(Problem):
    code = "parent_not_in_force"
    title = "上级科室不在有效期内"


class RootStays(Problem):
    code = "root_stays"
    title = "根科室不能移动或关闭"


class UnitInUse(Problem):
    status = 409
    code = "unit_in_use"
    title = "科室仍在使用"


class PlaceNotFound(Problem):
    status = 404
    code = "place_not_found"
    title = "没有这个地点"


class PlaceCodeTaken(Problem):
    status = 409
    code = "place_code_taken"
    title = "地点代码已使用"
    constraint = "uq_places_campus_id_code"
    constraint_detail = "本院区已用过该地点代码，请换一个。"


class PlaceInUse(Problem):
    status = 409
    code = "place_in_use"
    title = "地点内还有启用的地点"


class PlaceLies(Problem):
    code = "place_lies_wrong"
    title = "地点层次不正确"


class StaffNotFound(Problem):
    status = 404
    code = "staff_not_found"
    title = "没有这位职工"


class StaffNoTaken(Problem):
    status = 409
    code = "staff_no_taken"
    title = "工号已使用"
    constraint = "uq_staff_sign_on_name"
    constraint_detail = "该工号已使用过；工号不重复使用，请换一个。"


class StaffNotActive(Problem):
    status = 409
    code = "staff_not_active"
    title = "该职工当前不在岗"


class PrimaryUnitOverlaps(Problem):
    status = 409
    code = "primary_unit_overlaps"
    title = "主属科室时间重叠"
    constraint = "ex_staff_units_primary"
    constraint_detail = "该职工在此期间已有主属科室，请刷新后重新操作。"


class AlreadyInUnit(Problem):
    status = 409
    code = "already_in_unit"
    title = "已属于该科室"
    constraint = "ex_staff_units_unit"
    constraint_detail = "该职工在此期间已属于该科室。"


class TitleUnknown(Problem):
    code = "title_unknown"
    title = "职称代码不正确"


class UnknownPost(Problem):
    code = "unknown_post"
    title = "没有这个岗位"


class NotTheirs(Problem):
    code = "unit_not_theirs"
    title = "不是本人所在科室或院区"


class IncompatiblePosts(Problem):
    code = "incompatible_posts"
    title = "岗位不相容"


class SecondMainPost(Problem):
    status = 409
    code = "second_main_post"
    title = "同期已有主岗"
    constraint = "ex_post_assignments_main"
    constraint_detail = "该职工在此期间已有主岗，请改为兼岗，或先结束原主岗。"


class PostHeldAlready(Problem):
    status = 409
    code = "post_held_already"
    title = "已任此岗位"
    constraint = "ex_post_assignments_post"
    constraint_detail = "该职工在此期间已在该科室任此岗位。"


class PrivilegedTooLong(Problem):
    code = "privileged_too_long"
    title = "特权岗位任期过长"


class AssignmentNotFound(Problem):
    status = 404
    code = "assignment_not_found"
    title = "没有这条任职"


class AssignmentOver(Problem):
    status = 409
    code = "assignment_over"
    title = "该任职已结束"


class LastAdministrator(Problem):
    """The last person of one of the three administrators cannot be shut out or ended; a successor comes first."""

    status = 409
    code = "last_administrator"
    title = "最后一名管理员"
    traced = True


class SecondmentNotFound(Problem):
    status = 404
    code = "secondment_not_found"
    title = "没有这条派驻"


class SecondmentInvalid(Problem):
    code = "secondment_invalid"
    title = "派驻内容不正确"


class SecondmentOverlaps(Problem):
    status = 409
    code = "secondment_overlaps"
    title = "全职派驻时间重叠"
    constraint = "ex_secondments_full_time"
    constraint_detail = "该职工在此期间已有全职派驻，请调整起止时间。"


class AlreadyApproved(Problem):
    status = 409
    code = "secondment_side_approved"
    title = "该方已同意"
    constraint = "pk_secondment_approvals"
    constraint_detail = "该方已经同意过，请刷新后查看。"


class PracticeNotFiled(Problem):
    code = "practice_not_filed"
    title = "未完成多机构备案"


class SecondmentState(Problem):
    status = 409
    code = "secondment_state"
    title = "派驻当前状态不允许此操作"
