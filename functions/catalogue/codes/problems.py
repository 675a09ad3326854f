"""What the code systems refuse."""

from shared.problems import Problem


class StandardList(Problem):
    status = 403
    code = "standard_code_list"
    title = "标准编码由总院维护"


class SystemUnknown(Problem):
    status = 404
    code = "code_system_unknown"
    title = "没有这个编码体系"


class SystemTaken(Problem):
    status = 409
    code = "code_system_taken"
    title = "编码体系已登记"
    constraint = "pk_code_systems"
    constraint_detail = "已有相同标识的编码体系，请核对。"


class CodeUnknown(Problem):
    status = 422
    code = "code_unknown"
    title = "没有这个编码"


class CodeTaken(Problem):
    status = 409
    code = "code_taken"
    title = "编码已存在"
    constraint = "uq_codes_version_id_code"
    constraint_detail = "该版本已有相同的编码，请核对。"


class CodeStateWrong(Problem):
    status = 409
    code = "code_state_wrong"
    title = "编码当前状态不允许此操作"


class VersionLabelTaken(Problem):
    status = 409
    code = "code_version_label_taken"
    title = "版本号已使用"
    constraint = "uq_code_versions_system_label"
    constraint_detail = "该编码体系已有同名版本，请核对版本号。"


class VersionOverlaps(Problem):
    status = 409
    code = "code_version_overlaps"
    title = "版本有效期重叠"
    constraint = "ex_code_versions_period"
    constraint_detail = "该编码体系在此时段已有另一版本，请核对生效时间。"


class VersionStateWrong(Problem):
    status = 409
    code = "code_version_state_wrong"
    title = "版本当前状态不允许此操作"


class VersionNotClean(Problem):
    status = 409
    code = "code_version_not_clean"
    title = "版本还有未处理的问题"


class CountUnconfirmed(Problem):
    status = 409
    code = "code_count_unconfirmed"
    title = "条数与官方公布数相差较大"


class FileUnreadable(Problem):
    status = 422
    code = "spreadsheet_unreadable"
    title = "表格无法读取"


class HeadingsDiffer(Problem):
    status = 422
    code = "spreadsheet_headings_differ"
    title = "表头与读取方案不符"


class FileIncomplete(Problem):
    status = 409
    code = "received_file_incomplete"
    title = "文件尚未上传完整"


class FilePartWrong(Problem):
    status = 422
    code = "received_file_part_wrong"
    title = "文件分段有误"


class MappingOverlaps(Problem):
    status = 409
    code = "code_mapping_overlaps"
    title = "对照重复"
    constraint = "ex_code_mappings_pair"
    constraint_detail = "这两个编码在此时段已有对照，请先停用原对照。"


class EqualMappingTaken(Problem):
    status = 409
    code = "code_mapping_equal_taken"
    title = "等同对照须一一对应"
    constraint = "ex_code_mappings_equal_from"
    constraint_detail = "该编码在此时段已有等同对照，请核对或改为上位、下位关系。"


class EqualTargetTaken(Problem):
    status = 409
    code = "code_mapping_target_taken"
    title = "目标编码已被等同对照"
    constraint = "ex_code_mappings_equal_to"
    constraint_detail = "目标编码在此时段已与其他编码等同，请核对或改为上位、下位关系。"


class MappingStateWrong(Problem):
    status = 409
    code = "code_mapping_state_wrong"
    title = "对照当前状态不允许此操作"


class LocalCodeBlocked(Problem):
    status = 422
    code = "local_code_blocked"
    title = "院内扩展码不能外传"


class SynonymTaken(Problem):
    status = 409
    code = "code_synonym_taken"
    title = "别名已存在"
    constraint = "uq_code_synonyms_word"
    constraint_detail = "该编码已有这个别名。"


class ProposalDecided(Problem):
    status = 409
    code = "code_proposal_decided"
    title = "该建议已答复"
    constraint = "uq_code_rulings_proposal_id"
    constraint_detail = "该编码建议已由他人答复，请刷新后核对。"
