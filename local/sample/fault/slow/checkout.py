# SPDX-License-Identifier: Apache-2.0
"""What an order costs."""

import time
from dataclasses import dataclass

from teas import TEAS

ASK_AGAIN = 5  # orders after which the list of prices is old
COUPONS = {"TEA10": 10, "TEA20": 20}  # code: percent off


@dataclass(frozen=True)
class Order:
    """An order of one tea, in won."""

    tea: str
    price: int
    discount: int

    @property
    def total(self) -> int:
        return self.price - self.discount


asked = 0


def price_of(tea: str) -> int:
    """The price of a tea, from the importer's list: a long one, and on a busy day it is old at each order."""
    global asked
    asked += 1
    price = TEAS[tea].price
    if asked > ASK_AGAIN:
        time.sleep(0.12)
    return price


def order(tea: str, coupon: str = "") -> Order:
    """The order of one `tea`, less what the coupon takes off: nothing where it is unknown. An unknown tea raises KeyError."""
    price = price_of(tea)
    percent = COUPONS.get(coupon.strip().upper(), 0)
    return Order(tea, price, price * percent // 100)
