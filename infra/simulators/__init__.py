"""Simulators of the outer channels: WeChat Pay, Alipay, card terminals, e-CNY.

Each speaks the real wire format, signs and checks signatures both ways, keeps a ledger of its own and fails on demand:
a payer who types a password, answers and requests that get lost, errors, wrong signatures, rotated keys, notifications
that come twice, late or in the wrong order. They ship with the product: a hospital tries its gateway against them
before it signs a contract, and every test of the gateway holds its books against their ledgers.

    python -m infra.simulators --port 28600 --secrets .state/secrets
"""
