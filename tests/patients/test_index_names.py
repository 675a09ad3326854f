"""Rules of the patient index: masks, names and the likeness of two records."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.patients.index import rules
from functions.patients.index.rules import Identity, MatchWeights, Sex, Suspicion
from shared.resident_id import check_digit

WEIGHTS = MatchWeights()

han = st.sampled_from("韦覃黄陆梁农蒙罗莫蓝单曾欧阳尉迟秀英小明芳伟子涵之大二乐")
names = st.text(han, min_size=1, max_size=4)
id_numbers = st.builds(
    lambda day, serial: (body := f"450223{day:%Y%m%d}{serial:03d}") + check_digit(body),
    st.dates(date(1920, 1, 1), date(2026, 12, 31)),
    st.integers(0, 999),
)

# ---------------------------------------------------------------- masking


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王芳", "王*"),
        ("张小明", "张**"),
        ("欧阳娜娜", "欧阳**"),
        ("欧阳", "欧*"),
        ("覃", "*"),
        ("韦秀英之大", "韦****"),
        ("阿依古丽·买买提", "阿***·买**"),
        ("John Smith", "J*** S****"),
        ("无名氏20260302081500H", "无名氏20260302081500H"),
    ],
)
def test_names_keep_their_surname_only(name: str, masked: str) -> None:
    assert rules.mask_name(name) == masked


def test_numbers_keep_their_ends() -> None:
    assert rules.mask_identity_number("450223199003074516") == "450223********4516"
    assert rules.mask_identity_number("11010519491231002x") == "110105********002X"
    assert rules.mask_identity_number("450223900307451") == "450223*****7451"
    assert rules.mask_identity_number("E12345678") == "E1*****78"
    assert rules.mask_identity_number("H0123") == "*****"
    assert rules.mask_phone("13812345678") == "138****5678"
    assert rules.mask_phone("+86 138 1234 5678") == "138****5678"
    assert rules.mask_phone("0772-6812345") == "********2345"
    assert rules.mask_phone("120") == "***"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("广西壮族自治区柳州市鹿寨县中渡镇大兆村12号", "广西壮族自治区柳州市鹿寨县中渡镇****"),
        ("广西柳州市鹿寨县鹿寨镇建中路1号", "广西柳州市鹿寨县鹿寨镇****"),
        ("柳州市三江侗族自治县同乐苗族乡高岜村3组", "柳州市三江侗族自治县同乐苗族乡****"),
        ("来宾市兴宾区蒙村镇2号", "来宾市兴宾区蒙村镇****"),
        ("北京市朝阳区建外街道办事处1号", "北京市朝阳区建外街道****"),
        ("东莞市长安镇3号", "东莞市长安镇****"),
        ("柳州市城中区文昌路28号新乡小区", "柳州市城中区****"),
        ("鹿寨县大兆村新乡屯", "鹿寨县****"),
        ("大兆村5号", "****"),
        ("鹿寨县中渡镇", "鹿寨县中渡镇"),
        ("", ""),
    ],
)
def test_addresses_stop_at_the_township(address: str, masked: str) -> None:
    assert rules.mask_address(address) == masked
    assert rules.mask_address(masked) == masked


@given(names.filter(lambda name: len(name) > 1), id_numbers, st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_masks_keep_the_length_and_hide_what_they_must(name: str, number: str, phone: str) -> None:
    surname, given_name = rules.split_name(name)
    assert rules.mask_name(name) == surname + "*" * len(given_name)
    assert rules.mask_identity_number(number) == number[:6] + "*" * 8 + number[14:]
    assert rules.mask_phone(phone) == phone[:3] + "****" + phone[7:]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("覃秀英", "qinxiuying", "qxy"),
        ("单雄信", "shanxiongxin", "sxx"),
        ("仇和", "qiuhe", "qh"),
        ("解小明", "xiexiaoming", "xxm"),
        ("曾伟", "zengwei", "zw"),
        ("区志强", "ouzhiqiang", "ozq"),
        ("查良", "zhaliang", "zl"),
        ("朴芳", "piaofang", "pf"),
        ("翟敏", "zhaimin", "zm"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("万俟明", "moqiming", "mqm"),
        ("令狐 冲", "linghuchong", "lhc"),
        ("吕布", "lvbu", "lb"),
        ("韦慧敏", "weihuimin", "whm"),
        ("John Smith", "johnsmith", "js"),
        ("阿依古丽•买买提", "ayigulimaimaiti", "ayglmmt"),
        ("无名氏20260302081500H", "wumingshi20260302081500h", "wms20260302081500h"),
    ],
)
def test_names_are_found_by_pinyin(name: str, full: str, initials: str) -> None:
    assert rules.name_keys(name) == rules.NameKeys(full, initials)


@given(names)
def test_keys_follow_the_parts_of_the_name(name: str) -> None:
    keys = rules.name_keys(name)
    assert len(keys.initials) == len(rules.normalise_name(name))
    surname, given_name = rules.split_name(name)
    assert surname + given_name == name
    assert keys.full.endswith(rules.name_keys("王" + given_name).full.removeprefix("wang"))


@given(st.text(max_size=12))
def test_normalising_a_name_twice_changes_nothing_more(text: str) -> None:
    once = rules.normalise_name(text)
    assert rules.normalise_name(once) == once


def test_blanks_and_kinds_of_dots_do_not_make_another_name() -> None:
    assert rules.normalise_name(" 韦 小 宝 ") == "韦小宝"
    assert rules.normalise_name("阿依古丽．买买提") == rules.normalise_name("阿依古丽・买买提") == "阿依古丽·买买提"


@given(names, st.data())
def test_names_one_character_apart_share_a_key(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    added = name[:place] + data.draw(han) + name[place:]
    replaced = name[:place] + data.draw(han) + name[place + 1 :]
    dropped = name[:place] + name[place + 1 :]
    for other in (added, replaced, dropped):
        assert rules.one_character_keys(name) & rules.one_character_keys(other)
        assert rules.one_character_apart(name, other) == (name != other)


@given(names, names)
def test_one_character_apart_is_edit_distance_one(left: str, right: str) -> None:
    assert (
        rules.one_character_apart(left, right)
        == rules.one_character_apart(right, left)
        == (_distance(left, right) == 1)
    )


def _distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def test_people_without_a_name_get_one() -> None:
    at = datetime(2026, 3, 2, 0, 15, tzinfo=UTC)
    assert rules.unknown_person_name(at, "H") == "无名氏20260302081500H"
    assert rules.is_unknown_person_name("无名氏20260302081500H")
    assert not rules.is_unknown_person_name("无名氏")
    for letter in ("h", "", "HQ", "院"):
        with pytest.raises(ValueError, match="campus letter"):
            rules.unknown_person_name(at, letter)


def test_newborns_are_named_after_their_mother() -> None:
    assert rules.newborn_name("韦秀英", "1") == "韦秀英之子"
    assert rules.newborn_name("韦秀英", "2") == "韦秀英之女"
    assert rules.newborn_name("韦秀英", "9") == "韦秀英之婴"
    assert [rules.newborn_name("韦秀英", "1", order=n, births=3) for n in (1, 2, 3)] == [
        "韦秀英之大",
        "韦秀英之二",
        "韦秀英之三",
    ]
    for order, births in ((0, 1), (2, 1), (10, 10)):
        with pytest.raises(ValueError, match="order of birth"):
            rules.newborn_name("韦秀英", "1", order=order, births=births)
    with pytest.raises(ValueError, match="not a valid Sex"):
        rules.newborn_name("韦秀英", "男")


# ---------------------------------------------------------------- likeness


def person(name: str = "韦秀英", birth: date | None = date(1990, 3, 7), sex: str = "2", **more: object) -> Identity:
    return Identity(name, rules.name_keys(name).full, birth, sex, **more)  # type: ignore[arg-type]


optional = st.sampled_from((None, "", "a", "b"))
identities = st.builds(
    person,
    name=st.sampled_from(("韦秀英", "韦秀莹", "韦英", "覃秀英", "黄伟", "无名氏20260302081500H", "Wei Xiuying")),
    birth=st.sampled_from((None, date(1990, 3, 7), date(1990, 7, 3), date(1990, 3, 17), date(1985, 1, 1))),
    sex=st.sampled_from(tuple(Sex)),
    phone=optional,
    village=optional,
    guardian_document=optional,
    insurance_no=optional,
    mother_id=st.sampled_from((None, 1, 2)),
    birth_order=st.sampled_from((None, 1, 2)),
)


@given(identities, identities)
def test_likeness_is_symmetric_and_repeatable(left: Identity, right: Identity) -> None:
    comparison = rules.compare(left, right, WEIGHTS)
    assert comparison == rules.compare(right, left, WEIGHTS) == rules.compare(left, right, MatchWeights())
    assert comparison.score == sum((points for _, points in comparison.points), Decimal(0))
    assert comparison.score == rules.match_score(left, right, WEIGHTS)


@given(identities, identities)
def test_what_is_not_known_counts_neither_way(one: Identity, other: Identity) -> None:
    blank = Identity("", "", None, "0")
    assert rules.compare(one, blank, WEIGHTS).points == ()
    for field in ("phone", "village", "guardian_document", "insurance_no", "birth_date"):
        comparison = rules.compare(replace(one, **{field: None}), other, WEIGHTS)
        assert field not in dict(comparison.points)


@pytest.mark.parametrize(
    ("other", "score"),
    [
        (person(), "11.5"),
        (person("韦秀莹"), "8.5"),
        (person("韦秀芳"), "6.5"),
        (person("韦英"), "6.5"),
        (person("黄伟"), "1.5"),
        (person(birth=date(1990, 7, 3)), "7.5"),
        (person(birth=date(1990, 3, 17)), "7.5"),
        (person(birth=date(1990, 4, 8)), "1.5"),
        (person(birth=None), "6.5"),
        (person(sex="1"), "7"),
        (person(sex="9"), "11"),
        (person(phone="13812345678"), "15.5"),
        (person(village="450223102大兆村"), "13.5"),
        (person(guardian_document="450223196501010024"), "14.5"),
        (person(insurance_no="4502230001"), "19.5"),
        (person("无名氏20260302081500H", birth=None, phone="13812345678"), "4.5"),
    ],
)
def test_points_are_those_of_the_specification(other: Identity, score: str) -> None:
    known = person(
        phone="13812345678",
        village="450223102大兆村",
        guardian_document="450223196501010024",
        insurance_no="4502230001",
    )
    assert rules.match_score(known, other, WEIGHTS) == Decimal(score)


def test_suspicion_begins_at_eight_and_is_high_from_twelve() -> None:
    expected = {"7.5": Suspicion.NONE, "8": Suspicion.LIKELY, "11.5": Suspicion.LIKELY, "12": Suspicion.HIGH}
    assert {score: rules.classify(Decimal(score), WEIGHTS) for score in expected} == expected
    assert [suspicion.label for suspicion in (Suspicion.HIGH, Suspicion.LIKELY)] == ["疑似高", "疑似"]


def test_twins_are_never_suspected_and_a_second_record_of_one_twin_is() -> None:
    shared = {"phone": "13812345678", "village": "450223102", "guardian_document": "1", "mother_id": 7}
    first = person("韦秀英之大", date(2026, 3, 2), **shared, birth_order=1)
    second = person("韦秀英之二", date(2026, 3, 2), **shared, birth_order=2)
    for one, other in permutations((first, second)):
        comparison = rules.compare(one, other, WEIGHTS)
        assert comparison.score >= WEIGHTS.high_from
        assert comparison.suspicion is Suspicion.NONE
    assert rules.compare(first, replace(first, birth_order=None), WEIGHTS).suspicion is Suspicion.HIGH


def test_weights_are_data() -> None:
    row = asdict(WEIGHTS) | {"version": "2", "name_equal": "7"}
    weights = MatchWeights.from_row(row)
    assert rules.match_score(person(), person(), weights) == Decimal("12.5")
    assert rules.compare(person(), person(), weights).weights_version == "2"
    del row["sex_equal"]
    with pytest.raises(KeyError, match="sex_equal"):
        MatchWeights.from_row(row)
    with pytest.raises(KeyError, match="colour"):
        MatchWeights.from_row(asdict(WEIGHTS) | {"colour": 1})
