"""Rows: transactions in columns of exact numbers; texts as codes (`worker.fast.vocabulary`), money in cents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worker.fast.numbers import Ints, Mask
from worker.fast.vocabulary import TextTable
from worker.model import Transaction


class Tables:
    """The texts of a segment and their codes."""

    def __init__(self) -> None:
        self.customers, self.products, self.product_names = TextTable(), TextTable(), TextTable()
        self.statuses, self.methods = TextTable(), TextTable()
        self.names, self.categories = TextTable(absent=True), TextTable(absent=True)


@dataclass(slots=True)
class Rows:
    """A row each; their lines follow each other in columns of their own.

    `place` is that of the transaction in its segment.
    """

    place: Ints
    time: Ints
    customer: Ints
    name: Ints
    status: Ints
    method: Ints
    line_count: Ints
    subtotal: Ints
    tax: Ints
    shipping: Ints
    total: Ints
    product: Ints
    product_name: Ints
    category: Ints
    quantity: Ints
    unit_price: Ints
    discount: Ints
    line_subtotal: Ints

    @property
    def of_rows(self) -> tuple[Ints, ...]:
        """The columns with a number for each row."""
        texts = (self.place, self.time, self.customer, self.name, self.status, self.method, self.line_count)
        return (*texts, self.subtotal, self.tax, self.shipping, self.total)

    @property
    def of_lines(self) -> tuple[Ints, ...]:
        """The columns with a number for each line."""
        texts = (self.product, self.product_name, self.category)
        return (*texts, self.quantity, self.unit_price, self.discount, self.line_subtotal)

    @property
    def first_lines(self) -> Ints:
        """Where each transaction's lines begin."""
        return np.cumsum(self.line_count) - self.line_count

    def correct(self, row: int, transaction: Transaction) -> None:
        """Put in what the plain check has read."""
        self.time[row] = transaction.time
        self.subtotal[row], self.tax[row] = transaction.subtotal, transaction.tax
        self.shipping[row], self.total[row] = transaction.shipping, transaction.total
        begin = int(self.line_count[:row].sum())
        for place, line in enumerate(transaction.lines, begin):
            self.quantity[place], self.unit_price[place] = line.quantity, line.unit_price
            self.discount[place], self.line_subtotal[place] = line.discount, line.subtotal

    def only(self, kept: Mask) -> Rows:
        """Some of the rows, with their lines."""
        if kept.all():
            return self
        lines = np.repeat(kept, self.line_count)
        return Rows(*(column[kept] for column in self.of_rows), *(column[lines] for column in self.of_lines))

    def together_with(self, others: Rows) -> Rows:
        """These rows and others, in the order of their places."""
        of_rows = [np.concatenate(pair) for pair in zip(self.of_rows, others.of_rows, strict=True)]
        of_lines = [np.concatenate(pair) for pair in zip(self.of_lines, others.of_lines, strict=True)]
        both = Rows(*of_rows, *of_lines)
        order = np.argsort(both.place)
        counts = both.line_count[order]
        moved = both.first_lines[order] - (np.cumsum(counts) - counts)
        lines = np.repeat(moved, counts) + np.arange(int(counts.sum()))
        return Rows(*(column[order] for column in both.of_rows), *(column[lines] for column in both.of_lines))
