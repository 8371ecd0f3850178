"""``apothecary models``: named weights on this machine."""
