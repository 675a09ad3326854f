"""What the file store can refuse."""

from typing import ClassVar

from shared.problems import Problem


class FileTooLarge(Problem):
    status = 413
    code = "file_too_large"
    title = "文件过大"


class FileEmpty(Problem):
    status = 422
    code = "file_empty"
    title = "文件为空"


class FileTypeRefused(Problem):
    """The kind of file does not take this content type."""

    status = 415
    code = "file_type_refused"
    title = "不支持的文件类型"


class FileContentMismatch(Problem):
    """The bytes are not what the content type says, or are cut off."""

    status = 415
    code = "file_content_mismatch"
    title = "文件内容与类型不符"


class FileNotFound(Problem):
    """Also for a file that another campus owns, or that was never confirmed."""

    status = 404
    code = "file_not_found"
    title = "文件不存在"


class FileConflict(Problem):
    """The reservation is used up: uploaded, confirmed with other bytes, or given up."""

    status = 409
    code = "file_conflict"
    title = "文件状态不允许此操作"


class FileDamaged(Problem):
    """The object is not what was confirmed. Told to operations; never served as if whole."""

    status = 500
    code = "file_damaged"
    title = "文件已损坏"


class ObjectMissing(FileDamaged):
    """The object is not there at all."""

    code = "file_missing"
    title = "文件已丢失"


class StorageUnavailable(Problem):
    status = 503
    code = "storage_unavailable"
    title = "文件存储暂不可用"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}
