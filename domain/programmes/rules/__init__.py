"""What a programme document is and which documents are refused: pure values, no file, clock or database.

document.py, shapes.py and terms.py are the values, windows.py the stretches of days, codec.py the strict
reading and writing, sentences.py the words of a condition, checks*.py the refusals.
"""
