"""Permissions and parameters (配置权限管理), module 41: what posts mean, who may do what and why; settings."""
