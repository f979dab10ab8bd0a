# SPDX-License-Identifier: Apache-2.0
import unittest

from teas import TEAS


class TeasTest(unittest.TestCase):
    def test_every_tea_has_both_names(self) -> None:
        for tea in TEAS.values():
            self.assertTrue(tea.english.isascii() and tea.korean and not tea.korean.isascii(), tea)

    def test_prices_are_whole_hundreds_of_won(self) -> None:
        for tea in TEAS.values():
            self.assertTrue(tea.price > 0 and tea.price % 100 == 0, tea)
