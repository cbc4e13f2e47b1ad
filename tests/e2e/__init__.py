"""Tests of an installation on a real cluster; see README.md."""
