"""How much of a market the farm's models stand for, and which to buy next: tables in, decisions out."""
