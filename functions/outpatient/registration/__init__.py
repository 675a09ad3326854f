"""Outpatient and emergency registration (门急诊挂号), module 1. The model module."""
