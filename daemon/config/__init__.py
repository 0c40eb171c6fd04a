"""Operator configuration."""
