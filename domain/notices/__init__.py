"""What a person has to be told: kinds with their sentences, and the list on the phone.

Stands low, because every room above has something to tell; a notice holds a kind and what fills its sentence.
"""
