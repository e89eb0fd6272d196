"""Pure decisions: which bundle goes on which link, and when. Values in, values out."""
