# SPDX-License-Identifier: Apache-2.0
import unittest

from packing import pack


class PackingTest(unittest.TestCase):
    def test_the_smallest_box_is_taken(self) -> None:
        self.assertEqual([pack(tins)["box"] for tins in (1, 2, 3, 24)], ["small", "small", "medium", "large"])

    def test_what_is_too_much_for_a_box_is_left(self) -> None:
        self.assertEqual(pack(30), {"box": "large", "tins": 24})
