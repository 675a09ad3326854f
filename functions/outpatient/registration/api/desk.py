"""What the window hands out: visit cards and record booklets."""

from functions.outpatient.registration import service
from functions.outpatient.registration.api.routing import charge_views, router
from functions.outpatient.registration.schemas import ArticleView, IssueArticle
from shared.command import command
from shared.tx import Tx


@router.post("/articles", status_code=201)
@command("outpatient.registration.write")
def issue_article(tx: Tx, body: IssueArticle) -> ArticleView:
    """Hand out a visit card or a record booklet (发就诊卡、病历本)."""
    article, charges = service.issue_article(tx, body)
    return ArticleView(
        article_id=article.article_id,
        patient_id=article.patient_id,
        encounter_id=article.encounter_id,
        kind=article.kind,
        card_no=article.card_no,
        issued_at=article.issued_at,
        charges=charge_views(charges),
    )
