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

    def test_a_coupon_takes_off_its_share(self) -> None:
        bill = order("sencha", "TEA10")
        self.assertEqual((bill.discount, bill.total), (1_200, 10_800))

    def test_a_coupon_may_be_typed_in_any_case(self) -> None:
        self.assertEqual(order("sencha", " tea20 ").total, 9_600)
