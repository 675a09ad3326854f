"""`python -m infra.cluster deploy | test | policies | broker | measure | disturb | peak | terraform | data | charts |
settings | down`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from infra.cluster import data, deploy
from infra.cluster.kubernetes import ClusterError, node_address
from infra.image.debian import PackageError
from infra.image.push import PushError
from infra.local.supervisor import StackError


def main() -> int:
    """Run one command; exit code 1 when the cluster is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m infra.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    put = commands.add_parser("deploy", help="image, data services, schema, realm, functions")
    put.add_argument("--overlay", choices=deploy.OVERLAYS, default="lab")
    test = commands.add_parser("test", help="requests, events, patients, through the gateway")
    test.add_argument("--patients", type=int, default=40)
    measure = commands.add_parser("measure", help="cold starts, scaling, memory")
    measure.add_argument("--starts", type=int, default=10)
    commands.add_parser("disturb", help="a new revision and dying instances under 50 requests a second")
    peak = commands.add_parser("peak", help="a rush of callers with and without the pre-warmer")
    peak.add_argument("--factor", type=float, default=40, help="so many times the patients of the demonstration")
    tf = commands.add_parser("terraform", help="stand a data centre up and down with Terraform; a third campus")
    tf.add_argument("--whole", action="store_true", help="with its data services, in the place of the lab's hospital")
    tf.add_argument("--patients", type=int, default=40, help="of the morning on the whole one")
    policies = commands.add_parser("policies", help="a morning and forbidden connections while NetworkPolicies hold")
    policies.add_argument("--patients", type=int, default=40)
    bank = commands.add_parser(
        "data", help="production's data services in the cluster: up, down, failover, replicas, restore"
    )
    bank.add_argument("action", choices=("up", "down", "failover", "replicas", "restore", "rotate"))
    bank.add_argument("--patients", type=int, default=150, help="of the morning during each failover")
    under = commands.add_parser("broker", help="the Broker's durability; Knative's channel as a file; certificates")
    under.add_argument("action", choices=("check", "up", "release", "certificates"))
    under.add_argument("--patients", type=int, default=40, help="of the morning while its parts are killed")
    under.add_argument("--out", type=Path, default=Path(), help="folder of the certificates")
    charts = commands.add_parser("charts", help="charts of release files, for Terraform")
    charts.add_argument("out", type=Path)
    charts.add_argument("sources", nargs="+", metavar="NAME=FILE", help="or NAME=FOLDER of a kustomization")
    commands.add_parser("settings", help='settings for a shell: eval "$(python -m infra.cluster settings)"')
    commands.add_parser("down", help="end the data services; the data and the cluster stay")
    given = parser.parse_args()

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        match given.command:
            case "deploy":
                deploy.deploy(given.overlay, say)
            case "test":
                from infra.cluster.check import check

                return check(given.patients, say)
            case "measure":
                from infra.cluster.measure import measure as figures

                print(figures(given.starts, say))
            case "disturb":
                from infra.cluster.disturb import disturb

                return disturb(say)
            case "peak":
                from infra.cluster.peak import peak as rush

                return rush(given.factor, say)
            case "terraform":
                from infra.cluster.datacentre import stand_up_and_down
                from infra.cluster.founding import found_and_remove

                return found_and_remove(given.patients, say) if given.whole else stand_up_and_down(say)
            case "policies":
                from infra.cluster.policies import work_under_policies

                return work_under_policies(given.patients, say)
            case "data":
                return _data(given.action, given.patients, say)
            case "broker":
                return _broker(given.action, given.patients, given.out, say)
            case "charts":
                from infra.cluster.charts import make

                for name, _, source in (one.partition("=") for one in given.sources):
                    print(make(given.out, name, Path(source)))
            case "settings":
                for name, value in data.settings(node_address(), deploy.gateway()).items():
                    print(f"export {name}={shlex.quote(value)}")
            case "down":
                data.down(lambda line: say(f"{line.name}: {line.state}"))
    except (ClusterError, StackError, PackageError, PushError) as error:
        say(str(error))
        return 1
    return 0


def _broker(action: str, patients: int, out: Path, say: Callable[[str], None]) -> int:
    from infra.cluster import broker, durability
    from infra.local.credentials import write_private

    match action:
        case "up":
            broker.up(say, data.STATE)
        case "release":
            print(broker.release())
        case "certificates":
            for name, content in broker.new_certificates().items():
                write_private(out / f"{name}.pem", content)
        case _:
            return durability.durability(patients, say)
    return 0


def _data(action: str, patients: int, say: Callable[[str], None]) -> int:
    from infra.cluster import databank, failover, replicas, restoring, rotation

    match action:
        case "up":
            databank.up(say)
            deploy.deploy("lab", say)
        case "down":
            databank.down(say)
            # Passwords that were rotated meanwhile reach the single database at its start.
            data.down(lambda line: say(f"{line.name}: {line.state}"))
            deploy.deploy("lab", say)
        case "rotate":
            return rotation.rotate(say)
        case "restore":
            return restoring.restore(say)
        case "replicas":
            return replicas.replicas(say)
        case _:
            return failover.failover(say, patients)
    return 0


if __name__ == "__main__":
    sys.exit(main())
