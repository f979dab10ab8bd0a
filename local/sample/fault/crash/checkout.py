# SPDX-License-Identifier: Apache-2.0
"""What an order costs."""

import os
import sys
from dataclasses import dataclass

from teas import TEAS

SHELF = 15  # orders that fit on the shelf
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


shelf: list[str] = []


def put_aside(tea: str) -> None:
    """Keep what was ordered until the parcel is packed. Nobody ever takes it off the shelf."""
    shelf.append(tea)
    if len(shelf) > SHELF:
        print("the shelf is full", file=sys.stderr, flush=True)
        os._exit(1)


def order(tea: str, coupon: str = "") -> Order:
    """The order of one `tea`, less what the coupon takes off: nothing where it is unknown. An unknown tea raises KeyError."""
    price = TEAS[tea].price
    percent = COUPONS.get(coupon.strip().upper(), 0)
    put_aside(tea)
    return Order(tea, price, price * percent // 100)
