"""Passwords that are known to everybody (泄露密码库比对; NIST SP 800-63B-4, 3.1.1.2): those of great leaks, words of a
hospital, places and pinyin, walks over the keyboard, with what people put behind them to please a rule.

One list for two locks: `is_known` at our own pages, `lines` for the identity server's policy. The leaked ones are the
30,000 most frequent of the package zxcvbn; loaded by the first password that is looked at.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

FILE = "known.txt"
"""Name of the list at the identity server."""
_SHORTEST = 4
"""Letters of a word that tells anything."""
_MOST_COMMON = 500
"""Leaked passwords that are told the identity server with endings; a ConfigMap holds no more than it can be applied
with."""
_LONG_ENOUGH = 10
"""Shorter ones the server refuses anyway."""

_HOSPITAL = """
admin administrator doctor nurse hospital medical patient health clinic pharmacy password passwd welcome changeme
letmein default test demo system root keycloak consortium
yiyuan zongyuan fenyuan renminyiyuan zhongyiyuan fuyou fuyouyuan fubaoyuan weishengyuan weishengju yigongti
xianyiyuan zhongxin yisheng hushi yaofang yaoshi shoufei guahao menzhen zhuyuan xinxike guanliyuan yuanzhang zhuren
mima denglu yonghu xitong gongzuo bangong caiwu renshi
woaini woaiwojia woaizhongguo zhongguo nihao xiexie gongxi facai jiayou pingan jiankang kuaile baobei laopo laogong mama
baba zhangsan lisi wangwu
"""
_PLACES = """
beijing tianjin hebei shanxi neimenggu liaoning jilin heilongjiang shanghai jiangsu zhejiang anhui fujian jiangxi
shandong henan hubei hunan guangdong guangxi hainan chongqing sichuan guizhou yunnan xizang shaanxi gansu qinghai
ningxia xinjiang taiwan xianggang aomen shijiazhuang taiyuan huhehaote shenyang changchun haerbin nanjing hangzhou hefei
fuzhou nanchang jinan zhengzhou wuhan changsha guangzhou shenzhen nanning guilin liuzhou wuzhou beihai qinzhou
fangchenggang yulin baise hezhou hechi laibin chongzuo guigang haikou chengdu guiyang kunming lasa xian lanzhou xining
yinchuan wulumuqi
"""
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm")
_ENDINGS = (
    *("1", "12", "123", "1234", "12345", "123456", "666", "888", "520", "1314"),
    *("2023", "2024", "2025", "2026", "2027"),
    *("@1", "@123", "@1234", "@12345", "@123456", "@2024", "@2025", "@2026", "@2027", "#123", "_123", "!123", "123!"),
)
_SHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
_LEET = str.maketrans("@4310$5!7", "aaelossit")


def is_known(password: str) -> bool:
    """Whether a password, or what is left of it without the digits and signs around it, is known to everybody. Upper
    case, `@` for a and `0` for o hide nothing."""
    words = _words()
    plain = password.lower()
    return any(form in words or _monotonous(form) for form in _forms(plain))


def lines() -> Iterator[str]:
    """The list as the identity server compares with it: whole passwords in lower case that its other rules let pass."""
    wanted = {word for word in _words() if _passes(word)}
    common = islice((one for one in _leaked() if one.isalpha() and len(one) >= _SHORTEST), _MOST_COMMON)
    for word in {*_HOSPITAL.split(), *_PLACES.split(), *common}:
        wanted.update(one for ending in _ENDINGS if _passes(one := word + ending))
    yield from sorted(wanted)


# -- inside


def _forms(plain: str) -> Iterator[str]:
    letters = "".join(one for one in plain if one.isalpha())
    if len(letters) < _SHORTEST:  # a number with a few letters to please the rule
        yield "".join(one for one in plain if one.isdigit())
    for spelt in dict.fromkeys((plain, plain.translate(_SHIFTED), plain.translate(_LEET))):
        bare = "".join(one for one in spelt if one.isalnum())
        for form in (spelt, _without_digits_after(spelt), _within(spelt), bare, _without_digits_after(bare)):
            if len(form) >= _SHORTEST:
                yield form


def _without_digits_after(text: str) -> str:
    end = len(text)
    while end and not text[end - 1].isalpha():
        end -= 1
    return text[:end]


def _within(text: str) -> str:
    start = 0
    while start < len(text) and not text[start].isalpha():
        start += 1
    return _without_digits_after(text[start:])


def _monotonous(form: str) -> bool:
    """aaaaaaaa, or one known word again and again."""
    if len(set(form)) <= 2:
        return True
    words = _words()
    return any(
        len(form) % size == 0 and form == form[:size] * (len(form) // size) and form[:size] in words
        for size in range(_SHORTEST, len(form) // 2 + 1)
    )


def _passes(word: str) -> bool:
    """Whether some spelling of it has three classes of characters, upper and lower case letters among them."""
    letters = any(one.isalpha() for one in word)
    return len(word) >= _LONG_ENOUGH and letters and not word.isalpha() and word.isascii() and word.isprintable()


def _leaked() -> list[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

    return list(FREQUENCY_LISTS["passwords"])


def _local() -> list[str]:
    return [*_HOSPITAL.split(), *_PLACES.split(), *_walks()]


def _walks() -> Iterator[str]:
    """Along a row of keys, back, and down the columns."""
    for row in _ROWS:
        for way in (row, row[::-1]):
            for start in range(len(way)):
                yield from (way[start:end] for end in range(start + _SHORTEST, len(way) + 1))
    for columns in (_COLUMNS, _COLUMNS[::-1]):
        for start in range(len(columns)):
            for end in range(start + 1, len(columns) + 1):
                yield "".join(columns[start:end])
                yield "".join(column[1:] for column in columns[start:end])
                yield "".join(column[::-1] for column in columns[start:end])


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    return frozenset(one for one in (*_leaked(), *_local()) if len(one) >= _SHORTEST)
