"""Closing the loop: whether a release relieved its theme."""
