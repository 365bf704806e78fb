"""Words of posts that name people, compared with the names of a register: words in, hints out.

folding    one spelling for many: scripts, transliterations, apostrophes
endings    the forms that a name takes in Ukrainian and Russian sentences
given      given names that are one name (Володимир, Владимир, Volodymyr), and patronymics
romanizing names in Latin letters, as Ukrainian passports have them
people     an entry's names, part by part
reading    the words of a text, initials, years of birth and ages, and what stands before a name
comparing  one mention beside one entry, field by field
nearness   whether two words are one letter apart
index      a register made ready: one text costs the same, whatever the register's size
"""
