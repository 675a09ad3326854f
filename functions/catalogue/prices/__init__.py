"""Charge catalogue and prices (物价管理), module 40."""
