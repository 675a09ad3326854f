"""What callers who hold no post may do: patients, and devices by their kind."""

from collections.abc import Mapping

from shared.identity.post_template import DESK_READS, Post, by_code, template

PATIENT = template(
    "patient",
    "患者本人",
    "catalogue.prices.public",
    "outpatient.registration.self",
    "patients.index.self",
    "platform.sso.self",
)
"""What every signed-on patient may do, at any campus and for the persons bound to the account only."""

DEVICES: Mapping[str, Post] = by_code(
    template(
        "device:kiosk",
        "自助机",
        *DESK_READS,
        "outpatient.registration.self",
        "payments.billing.read",
        "payments.billing.write",
    ),
    template("device:signage", "公示屏", "catalogue.prices.read", "outpatient.schedule.read"),
    template(
        "device:bridge",
        "院区网桥",
        "catalogue.prices.read",
        "organisation.structure.read",
        "patients.index.exchange",
        "payments.gateway.read",
        "payments.gateway.terminal",
        "platform.sso.contingency",
    ),
    template("device:miniprogram", "小程序网关", "platform.sso.self"),
    template("device:workstation", "共用工作站", "platform.sso.self"),
)
"""What a kind of device may do at the one campus it is bound to. The colon keeps these out of reach of a group path."""
