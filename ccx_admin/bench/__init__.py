"""Tests of channels, and the playground."""
