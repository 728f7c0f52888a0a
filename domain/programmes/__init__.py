"""A city as dated data: rules, products, organisations and texts, each value with its source.

`rules` is a package here, since a document has a shape, a strict reading and a list of refusals.
"""
