"""Inputs and outputs of adult relatives (成年家属绑定)."""

from typing import Literal
from uuid import UUID

from functions.platform.sso.schemas import DocumentNo
from functions.platform.sso.schemas_phones import PhoneCodeText
from shared.schemas import Input, Moment, Text, View


class AskFamily(Input):
    """The adult one asks to act for; `relation`: what that person is to the asker."""

    document_no: DocumentNo
    name: Text
    relation: Literal["parent", "spouse", "other"]


class FamilyRequestView(View):
    """The same whether the hospital knows such a person or not."""

    request_id: UUID
    state: str
    """asked, agreed, lapsed."""
    expires_at: Moment
    message: str
    link_id: UUID | None


class ConfirmFamily(Input):
    """The code the relative was sent, told to the asker by that person."""

    code: PhoneCodeText


class AgreeAtWindow(Input):
    """Both were seen with their documents; `evidence`: which ones (身份证原件等)."""

    owner_document_no: DocumentNo
    document_no: DocumentNo
    name: Text
    evidence: Text


class FindRelatives(Input):
    """The adult at the window, by the document shown."""

    document_no: DocumentNo
    name: Text


class EndAtWindow(FindRelatives):
    reason: Text


class RelativeView(View):
    """Somebody who may act for me, by my consent."""

    link_id: UUID
    name: str
    """Masked."""
    relation: str
    """What the adult is to the relative: parent, spouse, other."""
    bound_at: Moment
    until: Moment


class EndedRelativeView(View):
    link_id: UUID
    told: bool
    """False while the realm is out of reach: it will be told; tokens at hand are refused all the same."""
