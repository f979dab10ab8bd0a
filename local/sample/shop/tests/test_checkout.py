# SPDX-License-Identifier: Apache-2.0
import unittest

from checkout import order


class CheckoutTest(unittest.TestCase):
    def test_without_a_coupon_the_total_is_the_price(self) -> None:
        self.assertEqual(order("sencha").total, 12_000)

    def test_an_unknown_coupon_takes_off_nothing(self) -> None:
        self.assertEqual(order("sencha", "COFFEE50").total, 12_000)

    def test_an_unknown_tea_cannot_be_ordered(self) -> None:
        with self.assertRaises(KeyError):
            order("coffee")
