"""What is sold and to whom: products, customers, countries and the shares by which they occur."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import TypeVar

T = TypeVar("T")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GOODS = {
    "Electronics": "Laptop 14 inch=129900 Monitor 27 inch=32900 Mechanical Keyboard=8999 Wireless Mouse=2999 "
    "Noise-cancelling Headphones=24900 Webcam=5950 USB-C Hub=3999 Tablet=44900 Phone Charger=1999 Smart Watch=19900",
    "Home & Kitchen": "Espresso Machine=44900 Chef’s Knife=6900 Cast-iron Pan=4495 Kettle=3490 Storage Jars=1890 "
    "Bed Linen=7900 Desk Lamp=4250 Vacuum Cleaner=21900 Towel Set=2990",
    "Books": "Novel, paperback=1299 Cookbook=2795 Travel Guide=1895 Dictionary=3495 Picture Book=1450 "
    "Data Analysis Handbook=4999 Crossword Collection=799",
    "Clothing": "Rain Jacket=8990 Jeans=5990 T-Shirt=1490 Wool Sweater=6950 Running Socks=1190 Winter Coat=15900 "
    "Belt=2490",
    "Sports": "Yoga Mat=2795 Dumbbell Set=8900 Football=2490 Tennis Racket=11900 Bicycle Helmet=5495 "
    "Hiking Boots=13900 Water Bottle=1695",
    "Toys": "Building Blocks=3999 Jigsaw Puzzle=1799 Board Game=3295 Plush Bear=2190 Model Train=14900 Kite=1550",
    "Beauty": "Shampoo=895 Face Cream=2450 Perfume=6890 Hair Dryer=4990 Hand Soap=450 Sunscreen=1390",
    "Grocery": "Coffee Beans 1 kg=1890 Olive Oil=1290 Dark Chocolate=349 Green Tea=595 Pasta=225 Honey=790",
    "Garden": "Lawn Mower=32900 Watering Can=1990 Tomato Seeds=299 Pruning Shears=2750 Parasol=8900 Plant Pot=1250",
    "Office": "Printer Paper=599 Office Chair=28900 Ballpoint Pens=495 Notebook=690 Stapler=1195 Standing Desk=59900 "
    "Workstation=249900",
}
_FIRST_NAMES = _words(
    "Ada Anna Ben Carla Chinedu Clara David Elif Emma Fatima Finn Grace Hana Ivan Jack Joana José Julia Kenji Lena Leo "
    "Lina Łukasz Maria Maya Mei Noah Olga Omar Pablo Priya Ravi Rosa Sam Sofia Søren Tom Wei Yara Zoë"
)
_LAST_NAMES = _words(
    "Ahmed Andersen Bakker Brown Chen Costa Díaz Dubois Fischer Garcia Hansen Ito Ivanova Jones Kaya Kim Kowalska "
    "Kumar Lopez Martin Meyer Müller Nguyen Novák O’Brien Okafor Oliveira Patel Rossi Sato Schmidt Silva Singh Smith "
    "Suzuki Tanaka Taylor Wang Weber Wilson"
)
_COUNTRIES = (
    ("US", 80, 34), ("GB", 200, 13), ("DE", 190, 12), ("FR", 200, 8), ("CA", 130, 6), ("IN", 180, 6), ("JP", 100, 5),
    ("AU", 100, 4), ("BR", 170, 4), ("NL", 210, 3), ("PL", 230, 3), ("DK", 250, 2),
)  # fmt: skip
"""Country, sales tax in tenths of a percent, share of customers in percent."""
_COUNTRY_TABLE = tuple((code, rate) for code, rate, share in _COUNTRIES for _ in range(share))
_MAIL_HOSTS = ("example.com", "example.org", "example.net")
"""Reserved for documentation (RFC 2606): a mail to a made-up customer goes nowhere."""


@dataclass(frozen=True, slots=True)
class Product:
    """One article. `head` is the beginning of a line item as JSON, up to the quantity; `price` is in cents."""

    head: str
    price: int


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer: its JSON object, and the tax in tenths of a percent where it lives."""

    json: str
    tax_rate: int


def _read_goods() -> tuple[Product, ...]:
    products: list[Product] = []
    for category, goods in _GOODS.items():
        for name, price in _named_prices(goods):
            fields = {"product_id": f"PROD{len(products) + 1:03d}", "product_name": name, "category": category}
            products.append(Product(_dumps(fields)[:-1], price))
    return tuple(products)


def _named_prices(goods: str) -> list[tuple[str, int]]:
    found, words = [], []
    for word in goods.split(" "):
        name, equals, price = word.partition("=")
        words.append(name)
        if equals:
            found.append((" ".join(words), int(price)))
            words = []
    return found


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


PRODUCTS = _read_goods()
"""Everything that is sold."""
SHUFFLED = tuple(sorted(PRODUCTS, key=lambda product: sha256(product.head.encode()).digest()))
"""The products by falling popularity, which has nothing to do with their category."""
LUXURIES = tuple(
    Product(_dumps({"product_id": f"PROD{900 + i}", "product_name": name, "category": category})[:-1], price)
    for i, (name, category, price) in enumerate(
        (("Stage Piano", "Electronics", 549900), ("Diamond Ring", "Beauty", 899900), ("E-Bike", "Sports", 429900))
    )
)
"""What makes a transaction stand out. Seldom sold."""
CHEAP = tuple(product for product in PRODUCTS if product.price < 2_000)
"""What somebody might order by the dozen."""


def make_customers(rng: Random, how_many: int) -> tuple[Customer, ...]:
    """Make the customers of a data set; a few have no e-mail address or no country, as in real files."""
    return tuple(_make_customer(rng, number) for number in range(1, how_many + 1))


def _make_customer(rng: Random, number: int) -> Customer:
    first, last = pick(rng, _FIRST_NAMES), pick(rng, _LAST_NAMES)
    country, tax_rate = pick(rng, _COUNTRY_TABLE)
    fields: dict[str, str | None] = {"customer_id": f"CUST{number:06d}", "name": f"{first} {last}"}
    if rng.random() < 0.95:
        fields["email"] = f"customer{number}@{pick(rng, _MAIL_HOSTS)}"
    fields["country"] = country if rng.random() < 0.97 else None
    return Customer(_dumps(fields), tax_rate)


def pick(rng: Random, choices: Sequence[T]) -> T:
    """Choose one at random: several times as fast as `Random.choice`, and the same on every Python."""
    return choices[int(rng.random() * len(choices))]
