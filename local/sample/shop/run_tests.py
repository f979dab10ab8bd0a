# SPDX-License-Identifier: Apache-2.0
"""Runs tests/ and writes junit.xml; the exit code is 1 where a test failed."""

import sys
import time
import unittest
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent


class Result(unittest.TextTestResult):
    """Remembers what became of each test, and how long it took."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.cases: list[ElementTree.Element] = []

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        suite, _, name = test.id().rpartition(".")
        self.cases.append(ElementTree.Element("testcase", classname=suite, name=name))
        self.started = time.perf_counter()

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.cases[-1].set("time", f"{time.perf_counter() - self.started:.3f}")

    def addFailure(self, test: unittest.TestCase, err: object) -> None:
        super().addFailure(test, err)
        ElementTree.SubElement(self.cases[-1], "failure", message=str(err[1])).text = self.failures[-1][1]

    def addError(self, test: unittest.TestCase, err: object) -> None:
        super().addError(test, err)
        if not self.cases:  # a module that cannot be imported, or a setUpModule that raises
            self.cases.append(ElementTree.Element("testcase", classname="tests", name=str(test)))
        ElementTree.SubElement(self.cases[-1], "error", message=str(err[1])).text = self.errors[-1][1]

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        ElementTree.SubElement(self.cases[-1], "skipped", message=reason)


def main() -> int:
    sys.path.insert(0, str(ROOT))
    found = unittest.defaultTestLoader.discover(str(ROOT / "tests"), top_level_dir=str(ROOT))
    result = unittest.TextTestRunner(resultclass=Result).run(found)
    suite = ElementTree.Element("testsuite", name="tea-shop", tests=str(result.testsRun), failures=str(len(result.failures)),
                        errors=str(len(result.errors)), skipped=str(len(result.skipped)))
    suite.extend(result.cases)
    ElementTree.ElementTree(suite).write(ROOT / "junit.xml", encoding="utf-8", xml_declaration=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
