"""Refusals of authorities, revocation lists and sign-on by certificate."""

from shared.problems import NotFound, Problem


class AnchorUnfit(Problem):
    """Readable, but no authority that may vouch for staff."""

    code = "anchor_unfit"
    title = "不能作为信任的 CA 证书"


class AnchorKnown(Problem):
    status = 409
    code = "anchor_known"
    title = "CA 证书已登记"
    constraint = "uq_trust_anchors_fingerprint"
    constraint_detail = "这张 CA 证书已登记或等待复核，不必重复登记；要换院区的，先停用再重新登记。"


class AnchorNotFound(NotFound):
    code = "anchor_not_found"
    title = "没有这张 CA 证书"


class AnchorState(Problem):
    status = 409
    code = "anchor_state"
    title = "CA 证书状态不允许此操作"


class FingerprintDiffers(Problem):
    """The second person reads another fingerprint in the authority's own paper: the file was not the authority's."""

    code = "fingerprint_differs"
    title = "证书指纹不一致"
    traced = True


class ListUnfit(Problem):
    """Not a revocation list of this authority, an older one, or one that says less than it must."""

    code = "revocation_list_unfit"
    title = "吊销列表不能采用"


class CertificateUntrusted(Problem):
    """No chain of registered authorities stands behind the certificate, or one of them has taken it back."""

    code = "certificate_untrusted"
    title = "证书不被信任"


class ChallengeGone(Problem):
    status = 409
    code = "certificate_challenge_gone"
    title = "登录请求已失效"


class CertificateRefused(Problem):
    """The certificate is nobody's here, or was not signed with."""

    status = 401
    code = "certificate_refused"
    title = "证书登录未通过"
