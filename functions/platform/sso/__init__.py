"""Unified identity, single sign-on (统一身份认证及单点登录), module 42: accounts, sessions, devices in the realm."""
