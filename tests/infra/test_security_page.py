"""docs/security.md is true: every test, file, route and target it names is there, no control point is left out."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from functions.registry import all_apps
from shared.settings import REPOSITORY

TEXT = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
STATES = {"met", "partly", "site", "not yet"}

POINTS = {
    "安全物理环境": "物理位置选择 物理访问控制 防盗窃和防破坏 防雷击 防火 防水和防潮 防静电 "
    "温湿度控制 电力供应 电磁防护",
    "安全通信网络": "网络架构 通信传输 可信验证",
    "安全区域边界": "边界防护 访问控制 入侵防范 恶意代码和垃圾邮件防范 安全审计 可信验证",
    "安全计算环境": "身份鉴别 访问控制 安全审计 入侵防范 恶意代码防范 可信验证 数据完整性 "
    "数据保密性 数据备份恢复 剩余信息保护 个人信息保护",
    "安全管理中心": "系统管理 审计管理 安全管理 集中管控",
    "安全管理制度": "安全策略 管理制度 制定和发布 评审和修订",
    "安全管理机构": "岗位设置 人员配备 授权和审批 沟通和合作 审核和检查",
    "安全管理人员": "人员录用 人员离岗 安全意识教育和培训 外部人员访问管理",
    "安全建设管理": "定级和备案 安全方案设计 产品采购和使用 自行软件开发 外包软件开发 工程实施 测试验收 "
    "系统交付 等级测评 服务供应商选择",
    "安全运维管理": "环境管理 资产管理 介质管理 设备维护管理 漏洞和风险管理 网络和系统安全管理 恶意代码防范管理 "
    "配置管理 密码管理 变更管理 备份与恢复管理 安全事件处置 应急预案管理 外包运维管理",
}
"""GB/T 22239-2019, third level: classes and control points."""


def tables(heading: str) -> Iterator[list[str]]:
    """Rows of the tables below the headings that contain a text."""
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE):
        if heading in section.split("\n", 1)[0]:
            rows = [line for line in section.splitlines() if line.startswith("| ")]
            yield from ([cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows[2:])


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def named_tests(text: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)


THREATS = list(tables("Threats"))
CONTROLS = list(tables("Classified protection"))
RULES = list(tables("Rules that tests prove"))


@pytest.mark.parametrize(("path", "name"), sorted(set(named_tests(TEXT))), ids=lambda part: part)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert (REPOSITORY / path).is_file()
    assert name in functions_of(path)


def test_every_name_of_a_test_is_read() -> None:
    """None escapes by being written in another way."""
    assert len(named_tests(TEXT)) == TEXT.count("::test_") > 100


def test_named_files_routes_and_targets_exist() -> None:
    routes = {route.path for app in all_apps() for route in app.routes()}
    makefiles = (REPOSITORY / "Makefile", REPOSITORY / "infra" / "cluster" / "cluster.mk")
    targets = set(
        re.findall(r"^([a-z-]+):", "\n".join(file.read_text(encoding="utf-8") for file in makefiles), re.MULTILINE)
    )
    for name in re.findall(r"`([^`]+)`", TEXT):
        if name.startswith("/api/"):
            assert name in routes, name
        elif name.startswith("make "):
            assert name.removeprefix("make ") in targets, name
        elif "/" in name and " " not in name and "::" not in name:
            assert (REPOSITORY / name).exists(), name


def test_every_threat_has_its_stop_its_file_and_its_test() -> None:
    assert len(THREATS) >= 25
    for threat, stop, files, shown in THREATS:
        assert stop, threat
        assert re.findall(r"`[\w./-]+`", files), threat
        assert named_tests(shown), threat


def test_every_control_point_is_judged_once() -> None:
    expected = [f"{group} · {point}" for group, points in POINTS.items() for point in points.split()]
    assert len(expected) == 71
    assert [row[0] for row in CONTROLS] == expected


def test_every_rule_is_judged_once() -> None:
    assert [row[0] for row in RULES] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(
    ("subject", "state", "proof"),
    [(row[0], row[-2], row[-1]) for row in (*CONTROLS, *RULES)],
    ids=lambda text: text[:20],
)
def test_a_state_is_what_its_words_say(subject: str, state: str, proof: str) -> None:
    assert state in STATES
    if state == "met":
        assert named_tests(proof), "what is met is shown by a test"
        assert "Missing:" not in proof
    elif state == "partly":
        assert "`" in proof or "kit below" in proof, "what there is of it has a place"
        assert "Missing:" in proof or "Site:" in proof, "what is missing is said"
    else:
        assert proof
        assert not named_tests(proof)
