"""`python -m local.docs [FOLDER]`: build the documentation site (in .site, or in FOLDER). A warning or a dead link ends it."""

import sys
from pathlib import Path

from local.docs.build import ROOT, build

if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".site") / "index.html")
