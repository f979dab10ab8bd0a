"""The documentation site: docs/ and a reference made from the code, as pages that need no network."""
