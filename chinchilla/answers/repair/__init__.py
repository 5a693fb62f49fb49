"""Read raw answers of models: strictly first, then with every repair that is safe, and say which.

What the notes of a reading count:

    fence, prose          a code fence, words before or behind the answer, comments in it
    punctuation, quotes   full-width marks for half-width ones or the other way; odd quotes
    comma, brackets       a comma or bracket too many, missing or of the wrong kind
    bullets               bullets or numbers before lines
    truncated, cut        an answer that breaks off, and words lost by that
    escapes               what was escaped, or put in a JSON string, once too often
    absent                words for nothing found in the place of an item, which the text lacks
    blocks                several blocks: the last counts, or they are read as one
    blanks                blanks around an item, which the text lacks
    surrogate             half a surrogate pair, left out
    repeats               a loop at the end of which one round is kept
    bare_string, nested   a string where a list is expected (one item); one inside an object
    dropped               items that are blank or no string
    other_shape           a list of objects that name their type, or a further object around all
    other_form            JSON where a text format is expected
    duplicate_key         a key that comes twice in an object (its lists are joined)
    label_not_asked       items under a name that was not asked
"""

from chinchilla.answers.repair.read import Reading, Status, read_answer

__all__ = ["Reading", "Status", "read_answer"]
