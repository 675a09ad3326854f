"""Refusals about ID numbers, pictures, scans and hand-over."""

from shared.problems import Problem


class IdNumberTaken(Problem):
    """The attempt stays on record, as with a licence's number."""

    code = "staff_id_number_taken"
    title = "身份证号已属于他人"
    traced = True
    constraint = "uq_staff_identities_number"
    constraint_detail = "该身份证号已登记在另一位在职职工名下，请核对证件原件。"


class IdNumberNotFound(Problem):
    status = 404
    code = "staff_id_number_not_found"
    title = "没有登记身份证号"


class PictureInvalid(Problem):
    code = "staff_picture_invalid"
    title = "照片或扫描件不符合要求"


class PictureNotFound(Problem):
    status = 404
    code = "staff_picture_not_found"
    title = "没有照片或扫描件"


class PhotoTaken(Problem):
    """Two pictures of one person were entered at the same moment."""

    status = 409
    code = "staff_photo_taken"
    title = "照片刚被他人更换"
    constraint = "uq_staff_files_photo"
    constraint_detail = "该职工的照片刚被他人更换，请刷新后核对。"


class HandoverNotFound(Problem):
    status = 404
    code = "handover_item_not_found"
    title = "没有这项交接"


class HandoverSettled(Problem):
    status = 409
    code = "handover_item_settled"
    title = "该项已交接"


class SuccessorWrong(Problem):
    code = "handover_successor_wrong"
    title = "接手人不正确"
