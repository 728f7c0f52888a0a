"""What people can do about what was decided: objections, reviews and repairs, with clocks, steps and attachments.

The top room. Whatever any room below has recorded, scored, decided, sold or read can be objected to, so the room
that judges it looks down on all of them, and none of them knows of it.
"""
