"""`stemfield doctor`: looks for what keeps a newcomer's machine from sounding, by its effects.

What is looked at (`evidence`) and what is said of it (`diagnosis`) are apart. The children that try things which may
hang import only this package: nothing is loaded here.
"""
