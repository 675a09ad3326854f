"""Certificates a channel signs with (微信支付平台证书), and when to ask for them again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from functions.payments.gateway.models.merchants import PAYMENTS
from shared.database.model import CampusOwned, Model


class PlatformCertificate(CampusOwned, Model):
    """A certificate WeChat signs with, as it gave it to one merchant. Public, therefore plain: it proves, it opens
    nothing. Two are in force during an exchange."""

    __tablename__ = "platform_certificates"
    __table_args__ = (
        CheckConstraint("expires_at > effective_at", name="validity"),
        CheckConstraint("pem LIKE '-----BEGIN CERTIFICATE-----%'", name="pem"),
        {"schema": PAYMENTS},
    )

    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("payments.merchants.merchant_id"), primary_key=True)
    serial: Mapped[str] = mapped_column(Text, primary_key=True)
    pem: Mapped[str] = mapped_column(Text)
    effective_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    """When WeChat gives it up (弃用时间): brought forward a day before an exchange."""
    not_after: Mapped[datetime]
    """When the certificate itself ends."""
    fetched_at: Mapped[datetime]


class CertificateDownload(CampusOwned, Model):
    """That a merchant's certificates are fetched by themselves (平台证书自动下载), and how it goes."""

    __tablename__ = "certificate_downloads"
    __table_args__ = (
        Index("ix_certificate_downloads_due", "campus_id", "next_at"),
        CheckConstraint("failures >= 0", name="failures"),
        {"schema": PAYMENTS},
    )

    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("payments.merchants.merchant_id"), primary_key=True)
    is_on: Mapped[bool]
    next_at: Mapped[datetime]
    started_by: Mapped[str] = mapped_column(Text)
    started_by_name: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime]
    asked_at: Mapped[datetime | None] = mapped_column(default=None)
    listed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When a list was believed last. Older than a day it vouches for nothing any more."""
    failures: Mapped[int] = mapped_column(Integer, default=0)
    trouble: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
