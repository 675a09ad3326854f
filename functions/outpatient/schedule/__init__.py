"""Clinic schedule and number pool (门诊排班管理), module 44."""
