"""Tests that kill the real processes; see README.md."""
