"""The record of the loop: voice, theme, story, commit, release, deployment, outcome, forwards and backwards."""
