"""The named wrong answers, a module a problem set.

They ship with the checks because a check holds a wrong answer against them, to say what probably went wrong. Each
is written as a student would write it and can stand alone: what it needs, it imports itself.
"""
