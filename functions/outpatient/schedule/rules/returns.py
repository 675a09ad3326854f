"""Channels, and where their unsold numbers return to."""

from collections.abc import Mapping
from dataclasses import dataclass

CHANNEL_NAMES: Mapping[str, str] = {
    "window": "窗口",
    "kiosk": "自助机",
    "mini": "小程序",
    "phone": "电话",
    "referral": "转诊预留",
    "revisit": "诊间复诊",
    "elder": "老年/现场",
    "platform": "省市平台",
    "follow_up": "续诊",
}

CHANNELS_OF: Mapping[str, tuple[str, ...]] = {"window": ("window", "elder", "follow_up")}
"""What a channel may sell besides its own: a window also sells the numbers kept for people who come in person."""


@dataclass(frozen=True, slots=True)
class Return:
    """Unsold numbers of a channel go to others: at `minute` of the day before, or `minute` before the band."""

    channel: str
    moment: str
    minute: int
    to_channels: tuple[str, ...]


DEFAULT_RETURNS: tuple[Return, ...] = (
    Return("referral", "day_before", 20 * 60, ("mini", "window")),
    Return("revisit", "day_before", 20 * 60, ("mini", "window")),
    Return("platform", "day_before", 20 * 60, ("mini", "window")),
    Return("follow_up", "day_before", 20 * 60, ("window",)),
    Return("mini", "before_band", 30, ("window",)),
    Return("phone", "before_band", 30, ("window",)),
    Return("kiosk", "before_band", 30, ("window",)),
    Return("platform", "before_band", 30, ("window",)),
    Return("referral", "before_band", 30, ("window",)),
    Return("revisit", "before_band", 30, ("window",)),
    Return("elder", "before_band", 30, ("window",)),
)
"""T-1 20:00 and T 30 minutes before the band (spec 44, capability 16); a campus may set its own per channel."""


def turns(to_channels: tuple[str, ...], count: int) -> list[str]:
    """Receiving channels take turns over a session's numbers."""
    return [to_channels[place % len(to_channels)] for place in range(count)]
