"""What a citizen may have, and what it is worth: a package, since decisions and relief are two tables of rules.

standing   what is known of a citizen on one day, and the windows it is counted in
conditions how each condition of a product is judged, with its sentence
decision   whether a citizen qualifies, in which group the product stands, and what is nearest
service    which product further hours would open
relief     what a sale gives: relief, what the holder pays, what is owed to the shop
"""
