"""Signing secrets of projects."""
