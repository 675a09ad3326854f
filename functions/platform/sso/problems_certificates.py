"""Refusals of certificates."""

from shared.problems import NotFound, Problem


class CertificateUnreadable(Problem):
    """Not an X.509 certificate, several at once, or one that is broken."""

    code = "certificate_unreadable"
    title = "证书文件无法读取"


class PrivateKeyShown(Problem):
    """A private key never leaves its medium: one that was uploaded is no longer only the holder's."""

    code = "private_key_shown"
    title = "文件中含有私钥"
    traced = True


class CertificateUnfit(Problem):
    """Readable, but nothing to sign medical records with."""

    code = "certificate_unfit"
    title = "证书不能用于签名"


class CertificateOfAnother(Problem):
    code = "certificate_of_another"
    title = "证书主体不是该职工"
    traced = True


class CertificateBound(Problem):
    status = 409
    code = "certificate_bound"
    title = "证书已登记"
    constraint = "uq_ca_certificates_serial"
    constraint_detail = "此序列号的证书已登记；一张证书只属于一名职工，请核对是否选错文件。"


class CertificateNotFound(NotFound):
    code = "certificate_not_found"
    title = "没有这张证书"


class CertificateState(Problem):
    status = 409
    code = "certificate_state"
    title = "证书状态不允许此操作"
