# SPDX-License-Identifier: Apache-2.0
import unittest
from http import HTTPStatus

from shop import answer


class ShopTest(unittest.TestCase):
    def test_the_shop_is_healthy(self) -> None:
        self.assertEqual(answer("/health"), (HTTPStatus.OK, {"status": "ok"}))

    def test_teas_are_listed_in_both_languages(self) -> None:
        status, teas = answer("/teas")
        self.assertEqual(status, HTTPStatus.OK)
        self.assertIn({"en": "Sencha", "ko": "센차"}, [tea["name"] for tea in teas])

    def test_an_order_has_price_discount_and_total(self) -> None:
        status, bill = answer("/checkout?tea=omija")
        self.assertEqual((status, bill), (HTTPStatus.OK, {"tea": "omija", "price": 15_000, "discount": 0, "total": 15_000}))

    def test_what_is_not_there_is_not_found(self) -> None:
        for target in ("/coffee", "/checkout?tea=coffee", "/checkout"):
            self.assertEqual(answer(target)[0], HTTPStatus.NOT_FOUND)
