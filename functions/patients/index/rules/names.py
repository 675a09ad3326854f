"""Names: their parts, their pinyin keys, and the names given to people who have none yet.

Surname readings follow 现代汉语词典 and, where a surname lives in Guangxi, the reading used there (覃 is Qín). They are
data: a reading may be corrected here, after which `name_pinyin` of those patients is filled again.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from functions.patients.index.rules.identifiers import Sex
from shared.schemas import SHANGHAI

_COMPOUND = """
欧阳 上官 司马 诸葛 皇甫 尉迟 令狐 公孙 慕容 司徒 夏侯 端木 东方 南宫 独孤 轩辕 长孙 宇文 呼延 申屠 淳于 单于
太史 闻人 濮阳 赫连 澹台 万俟 钟离 鲜于 闾丘 司空 西门 拓跋 完颜 纳兰 叶赫 第五 百里 东郭 公冶 宗政 亓官 司寇
即墨 梁丘 左丘 南门 公良 巫马 颛孙 仲孙 子车 太叔 宰父 谷梁 乐正 漆雕 壤驷 拓拔 东门 公羊 公西 夹谷 段干 羊舌
"""
COMPOUND_SURNAMES = frozenset(_COMPOUND.split())
"""Surnames of two characters; a name of two characters is still read as surname and given name."""

_READINGS = """
曾zeng 覃qin 翟zhai 单shan 解xie 牟mu 缪miao 卜bu 仇qiu 查zha 乐yue 区ou 阚kan 朴piao 盖ge 都du 薄bo 员yun 折she
种chong 秘bi 重chong 黑he 郇xun 隗wei 句gou 乜nie 召shao 祭zhai 佴nai 洗xian 繁po 逄pang 逢pang 参shen 任ren 华hua
纪ji 宁ning 燕yan 那na 哈ha 应ying 盛sheng 车che 葛ge 尉wei 幺yao 过guo
"""
_SURNAME_READINGS = {entry[0]: entry[1:] for entry in _READINGS.split()}
_COMPOUND_READINGS = {
    "尉迟": ("yu", "chi"),
    "万俟": ("mo", "qi"),
    "长孙": ("zhang", "sun"),
    "单于": ("chan", "yu"),
    "令狐": ("ling", "hu"),
    "澹台": ("tan", "tai"),
    "乐正": ("yue", "zheng"),
    "子车": ("zi", "ju"),
    "宰父": ("zai", "fu"),
}

UNKNOWN_PERSON = "无名氏"
_ORDINALS = "大二三四五六七八九"
_HAN = re.compile("[一-鿿㐀-䶿𠀀-𳎯〇]")
_INTERPUNCTS = dict.fromkeys(map(ord, "•・‧∙⋅･."), "·")


@dataclass(frozen=True, slots=True)
class NameKeys:
    """How a name is found by typing: `full` pinyin without tones or blanks (ü as v), and its `initials`."""

    full: str
    initials: str


@lru_cache(maxsize=1000)
def normalise_name(text: str) -> str:
    """A name as it is stored and compared: half-width, one kind of middle dot, no blanks between Han characters."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    if not _has_han(plain):
        return plain
    joined = plain.translate(_INTERPUNCTS).replace(" ", "")
    return unicodedata.normalize("NFC", joined)


def split_name(name: str) -> tuple[str, str]:
    """Surname and given name of a Chinese name; a name with a middle dot or in Latin letters has no surname."""
    if "·" in name or not _has_han(name):
        return "", name
    if len(name) > 2 and name[:2] in COMPOUND_SURNAMES:
        return name[:2], name[2:]
    return name[:1], name[1:]


def name_keys(name: str) -> NameKeys:
    """Pinyin keys of a name.

    The surname is read by the surname table first (单 shan, 覃 qin, 尉迟 yuchi), the rest by its own phrase, so that
    keys of a name are its surname's keys followed by its given name's. Latin letters, digits and characters without a
    known reading stand as they are.
    """
    text = normalise_name(name)
    if text.startswith(UNKNOWN_PERSON):
        surname, given = "", text
    else:
        surname, given = split_name(text)
    syllables = [*_surname_syllables(surname), *_syllables(given)]
    return NameKeys("".join(syllables), "".join(syllable[0] for syllable in syllables))


def one_character_keys(name: str) -> frozenset[str]:
    """Keys under which a name is filed to find names one character apart.

    The name and every text left by dropping one character. Two names that differ by one replaced, missing or added
    character always share a key; names that share a key still have to be compared with `one_character_apart`.
    """
    text = normalise_name(name)
    return frozenset((text, *_without_one(text)))


def one_character_apart(left: str, right: str) -> bool:
    """Whether one replaced, missing or added character turns one name into the other (equal names: no)."""
    if len(left) > len(right):
        left, right = right, left
    if len(left) == len(right):
        return sum(a != b for a, b in zip(left, right, strict=True)) == 1
    return len(right) - len(left) == 1 and any(left == shorter for shorter in _without_one(right))


def unknown_person_name(at: datetime, campus_letter: str) -> str:
    """Name of a person who cannot be identified: 无名氏, second of registration in China, letter of the campus."""
    if not re.fullmatch(r"[A-Z]", campus_letter):
        raise ValueError("a campus letter is one capital letter")
    return f"{UNKNOWN_PERSON}{at.astimezone(SHANGHAI):%Y%m%d%H%M%S}{campus_letter}"


def is_unknown_person_name(name: str) -> bool:
    """Whether a name is the placeholder of a person not identified."""
    return re.fullmatch(UNKNOWN_PERSON + r"[0-9]{14}[A-Z]", name) is not None


def printed_name(name: str, written: str, former_names: Sequence[str]) -> str:
    """A name on paper, with the one its record was registered under where that was another (原登记)."""
    placeholder = next((former for former in reversed(former_names) if is_unknown_person_name(former)), None)
    earlier = written if written != name else placeholder
    return f"{name}（原登记：{earlier}）" if earlier else name


def newborn_name(mother_name: str, sex: str, *, order: int = 1, births: int = 1) -> str:
    """Name of a newborn until the birth certificate gives one.

    A single child is 母亲姓名之子 or 之女 (之婴 when the sex is not certain); children of a multiple birth are
    之大, 之二 and so on in the order of birth. Raises ValueError when the order does not fit the number of births.
    """
    if not 1 <= order <= births <= len(_ORDINALS):
        raise ValueError("the order of birth lies between one and the number of children")
    mother = normalise_name(mother_name)
    if births > 1:
        return f"{mother}之{_ORDINALS[order - 1]}"
    return mother + {Sex.MALE: "之子", Sex.FEMALE: "之女"}.get(Sex(sex), "之婴")


def _surname_syllables(surname: str) -> list[str]:
    if surname in _COMPOUND_READINGS:
        return list(_COMPOUND_READINGS[surname])
    if surname in _SURNAME_READINGS:
        return [_SURNAME_READINGS[surname]]
    return [*_syllables(surname)]


@lru_cache(maxsize=20_000)
def _syllables(text: str) -> tuple[str, ...]:
    """Readings of a surname or given name: kept, because a county's people share some thousands of them."""
    from pypinyin import lazy_pinyin  # 0.1 s and 20 MB, which only the writers of names pay

    return tuple(part for read in lazy_pinyin(text) for part in re.findall(r"[a-z]+|\w", read.lower()))


def _without_one(text: str) -> Iterator[str]:
    return (text[:place] + text[place + 1 :] for place in range(len(text)))


def _has_han(text: str) -> bool:
    return _HAN.search(text) is not None
