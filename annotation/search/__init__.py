"""Find segments and recordings: one box, its words and filters, and what is found with its places marked.

`query` reads what a person typed, `grams` turns words into what the indexes hold, `filters` and `engine`
find, `hits` shows.
"""
