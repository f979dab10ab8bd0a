# SPDX-License-Identifier: Apache-2.0
"""What an order costs."""

from dataclasses import dataclass

from teas import TEAS

COUPONS = {"tea10": 10, "tea20": 20}  # code: percent off


@dataclass(frozen=True)
class Order:
    """An order of one tea, in won."""

    tea: str
    price: int
    discount: int

    @property
    def total(self) -> int:
        return self.price - self.discount


def order(tea: str, coupon: str = "") -> Order:
    """The order of one `tea`, less what the coupon takes off: nothing where it is unknown. An unknown tea raises KeyError."""
    price = TEAS[tea].price
    percent = COUPONS.get(coupon.strip().upper(), 0)
    return Order(tea, price, price * percent // 100)
