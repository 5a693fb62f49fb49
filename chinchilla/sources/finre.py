"""FinRE: relations between companies in financial news; a pair a line, a blank line after each.

https://github.com/thunlp/Chinese_NRE (data/FinRE)

    甲公司<TAB>乙公司<TAB>合作<TAB>甲公司与乙公司签署合作协议

Both directions are annotated: a directed relation has a passive inverse (被...), a symmetric one
comes twice.
The card's option `fold_twins` keeps the active one, or the first of two symmetric ones.
"""

from chinchilla.readers import tsv
from chinchilla.readers.context import Fields, RowContext
from chinchilla.schema import LabelSet

rows = tsv.sentences
schema_labels = tsv.schema_labels


def to_fields(group: tsv.SentenceRows, context: RowContext) -> Fields:
    """Return a sentence with its pairs; with `fold_twins`, no fact is there in both directions."""
    fields = tsv.pair_fields(group, context)
    if context.part.options.get("fold_twins"):
        relations = fields["relations"]
        fields["relations"] = fold(relations, context.part.labels)
        for _ in relations[len(fields["relations"]) :]:
            context.fix("twin-folded")
    return fields


def fold(relations: list[Fields], labels: LabelSet) -> list[Fields]:
    """Leave out each relation whose inverse is kept.

    Of an inverse pair the active label is kept, of a symmetric label the first direction.
    """
    # the passive label to the active one: 被拥有 to 拥有
    active = {label.twin: label.key for label in labels if label.twin}
    symmetric = {label.key for label in labels if label.symmetric}
    kept: dict[tuple[str, str, str], Fields] = {}
    facts = {(item["predicate"], item["head"], item["tail"]): item for item in relations}
    for (label, head, tail), relation in facts.items():
        inverse = (active.get(label, label), tail, head)
        folded = inverse in facts if label in active else label in symmetric and inverse in kept
        if not folded:
            kept[label, head, tail] = relation
    return list(kept.values())
