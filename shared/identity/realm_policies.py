"""What holds in the realm whoever works here: passwords, steps of the sign-on, attributes of an account."""

from collections.abc import Mapping
from typing import Any

from shared.identity.known_passwords import FILE

Representation = dict[str, Any]

# 3 of the 4 classes of characters; the identity server only knows minimum counts of each.
_THREE_CLASSES = (
    r"^(?:(?=.*[a-z])(?=.*[A-Z])(?=.*\d)|(?=.*[a-z])(?=.*[A-Z])(?=.*[^a-zA-Z\d])"
    r"|(?=.*[a-z])(?=.*\d)(?=.*[^a-zA-Z\d])|(?=.*[A-Z])(?=.*\d)(?=.*[^a-zA-Z\d])).*$"
)
PASSWORD_POLICY = " and ".join(
    (
        "length(10)",
        f"regexPattern({_THREE_CLASSES})",
        "notUsername(undefined)",
        "notContainsUsername(undefined)",
        "passwordHistory(5)",
        f"passwordBlacklist({FILE})",
        "hashAlgorithm(argon2)",
    )
)


SIGN_ON_STEPS: Mapping[str, str] = {
    "auth-cookie": "ALTERNATIVE",
    "auth-spnego": "DISABLED",
    "identity-provider-redirector": "DISABLED",
    "auth-username-password-form": "REQUIRED",
    "Browser - Conditional 2FA": "CONDITIONAL",
    "conditional-credential": "REQUIRED",
    "auth-otp-form": "ALTERNATIVE",
    "webauthn-authenticator": "ALTERNATIVE",
    "auth-recovery-authn-code-form": "DISABLED",
}
"""Steps of the server's own sign-on flow (`browser`) and what they must be. Whoever has a second factor must use it."""

METHODS: Mapping[str, str] = {
    "auth-username-password-form": "pwd",
    "auth-otp-form": "otp",
    "webauthn-authenticator": "hwk",
    "webauthn-authenticator-passwordless": "hwk",
}
"""What the steps put into the claim `amr` (RFC 8176), as long as a session may last."""


def user_profile() -> Representation:
    """Attributes of an account. Only administrators set them; what is not listed can't be stored."""
    admin_only = {"view": ["admin"], "edit": ["admin"]}

    def attribute(name: str, title: str, validations: Representation, **more: Any) -> Representation:
        return {
            "name": name,
            "displayName": title,
            "validations": validations,
            "permissions": {"view": ["admin", "user"], "edit": ["admin"]},
            "multivalued": False,
            **more,
        }

    return {
        "attributes": [
            attribute(
                "username",
                "工号",
                {
                    "length": {"min": 2, "max": 255},
                    "username-prohibited-characters": {},
                    "up-username-not-idn-homograph": {},
                },
            ),
            attribute("email", "电子邮箱", {"email": {}, "length": {"max": 255}}),
            attribute(
                "firstName",
                "姓名",
                {"length": {"max": 255}, "person-name-prohibited-characters": {}},
                required={"roles": ["admin", "user"]},
            ),
            attribute("staff_id", "职工标识", {"length": {"min": 36, "max": 36}}, permissions=admin_only),
            attribute(
                "patient_ids", "患者标识", {"length": {"min": 36, "max": 36}}, permissions=admin_only, multivalued=True
            ),
            attribute("grants", "单项授权", {"length": {"max": 120}}, permissions=admin_only, multivalued=True),
            attribute("password_due", "须改密", {"length": {"max": 20}}, permissions=admin_only),
            attribute("proofs", "会话验证方式", {"length": {"max": 120}}, permissions=admin_only, multivalued=True),
        ],
        "groups": [
            {
                "name": "user-metadata",
                "displayHeader": "User metadata",
                "displayDescription": "Attributes, which refer to user metadata",
            }
        ],
    }
