"""What the forms of one item a line share: the words for nothing found, and when to quote."""

from collections.abc import Callable

from chinchilla.answers.question import Content, Question
from chinchilla.answers.quoting import Quote, bare, quoted
from chinchilla.answers.said import Said, said
from chinchilla.errors import AnswerError

Write = Callable[[list[Said], Question, Quote], str]
"""How a form writes items, with the words in them as a quote has them."""


def written(content: Content, question: Question, write: Write) -> str:
    """Write a content; quoted throughout if it read like nothing found."""
    items = said(content, question)
    if not items:
        return question.empty
    answer = write(items, question, bare)
    if answer.strip() == question.empty.strip():
        return write(items, question, quoted)
    return answer


def lines_of(answer: str, question: Question) -> list[str]:
    """Return the lines that say something, none for nothing found; raise AnswerError for blanks."""
    if answer.strip() == question.empty.strip():
        return []
    lines = [line for line in answer.split("\n") if line.strip()]
    if not lines:
        raise AnswerError("answer", "nothing but blanks", "write the words for nothing found")
    return lines
