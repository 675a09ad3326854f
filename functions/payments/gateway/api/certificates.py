"""Routes of WeChat's platform certificates."""

from uuid import UUID

from functions.payments.gateway import service
from functions.payments.gateway.queries import certificates as queries
from functions.payments.gateway.schemas import CertificatesView, CertificateView, ChangeMerchant
from functions.payments.gateway.service.asking import is_in_force
from shared.command import Onward, command, query
from shared.http import Router
from shared.steps import Steps
from shared.tx import Tx

router = Router()


@router.post("/merchants/{merchant_id}/certificates/fetch")
@command("payments.gateway.configure")
def fetch_certificates(tx: Tx, merchant_id: UUID) -> CertificatesView:
    """Fetch a WeChat merchant's platform certificates now, and every 12 hours from now on (平台证书自动下载)."""
    service.switch_on(tx, merchant_id)

    def go_on(steps: Steps) -> CertificatesView:
        service.fetch_now(steps, merchant_id)
        return steps.step(lambda tx: certificates_view(tx, merchant_id))

    return Onward(certificates_view(tx, merchant_id), go_on)  # type: ignore[return-value]


@router.get("/merchants/{merchant_id}/certificates")
@query("payments.gateway.read")
def read_certificates(tx: Tx, merchant_id: UUID) -> CertificatesView:
    """Platform certificates of a WeChat merchant, the longest in force first, and when they are fetched again."""
    view = certificates_view(tx, merchant_id)
    tx.audit("platform_certificates.read", "merchant", merchant_id)
    return view


@router.post("/merchants/{merchant_id}/certificates/stop")
@command("payments.gateway.approve")
def stop_certificates(tx: Tx, merchant_id: UUID, body: ChangeMerchant) -> CertificatesView:
    """Fetch and believe certificates no more, because the merchant has WeChat's public key (改用微信支付公钥)."""
    service.switch_off(tx, merchant_id, body.version)
    return certificates_view(tx, merchant_id)


def certificates_view(tx: Tx, merchant_id: UUID) -> CertificatesView:
    """The downloads of a merchant with what they brought."""
    row = service.download_of(tx, merchant_id)
    listed = tx.session.all(queries.OF_MERCHANT, merchant_id=merchant_id)
    fields = {name: getattr(row, name) for name in CertificatesView.model_fields if hasattr(row, name)}
    return CertificatesView(
        **fields,
        certificates=[
            CertificateView(
                serial=item.serial,
                effective_at=item.effective_at,
                expires_at=item.expires_at,
                not_after=item.not_after,
                fetched_at=item.fetched_at,
                in_force=row.is_on and is_in_force(item, tx.now),
            )
            for item in listed
        ],
    )
