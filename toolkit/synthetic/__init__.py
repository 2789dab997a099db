"""Synthetic talkers: one photograph that speaks recorded sentences, with every movement known.

`motion` says what moves when, `mesh` carries the photograph along, `looks` makes three speakers of it, `picture` renders
them.
"""
