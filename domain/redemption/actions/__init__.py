"""What is done with a benefit: presenting.py a citizen shows a code, scanning.py a shop previews and redeems it,
ending.py a sale is reversed, closed or extended."""
