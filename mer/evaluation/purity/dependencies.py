"""Everything that a study's systems derive from besides its rows: networks behind features, checkpoints, ancestors.

Each item has a status. `documented`: the publisher or a complete card lists the training data. `declared`: the user
lists it. `untrained`: nothing was trained. `unknown`: none of these. A name can prove that a model was trained on a
corpus. It cannot prove the opposite, because anyone can rename a file or edit a configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer import corpora, files
from mer.corpora import Corpus, closest_id
from mer.evaluation.purity import encoder_registry
from mer.features.network_origins import NetworkOrigin, from_json, origins
from mer.features.registry import handmade
from mer.params.schema import Params
from mer.training.checkpoints import encoder_folders
from mer.training.checkpoints.card import Card, CheckpointError, Provenance
from mer.training.checkpoints.folder import open_checkpoint
from mer.training.checkpoints.lineage import ALTERED, COMPLETE, status, stored_exposure
from mer.training.checkpoints.training_data import Exposure

UNTRAINED, DOCUMENTED, DECLARED, UNKNOWN = "untrained", "documented", "declared", "unknown"
"""The values of `LineageItem.status`."""
NETWORK_PARAMETERS = ("model", "weights")
"""The last part of a parameter that names a network which computes vectors; detectors and recognisers do not."""
RECOGNISER = "transcripts."
"""The beginning of the parameters of speech recognition, whose network computes transcripts and no vectors."""
OTHER_ENCODER, OTHER_CHECKPOINT = "use another encoder", "start from another checkpoint"
"""The remedies in messages on contamination."""


@dataclass(frozen=True)
class LineageItem:
    """Something that a system derives from.

    Attributes:
        name: names the item, its parameter first.
        systems: the systems that use it; an ensemble uses everything that its members use.
        corpora: the corpora in its training data, as far as they are known.
        families: the families of these corpora.
        status: `untrained`, `documented`, `declared` or `unknown`.
        evidence: the source of the status, or the reason why it is unknown.
        relation: the verb between `name` and the corpora.
        advice: the remedy if it was trained on a held-out family.
        exposure: digests of the recordings, speakers and sentences that it and its ancestors were trained or validated
            on; None if they were not stored.
        subject: identifies a network or an extraction, whichever parameter names it; empty text if only `name` does.
    """

    name: str
    systems: tuple[str, ...]
    corpora: tuple[str, ...]
    families: frozenset[str]
    status: str
    evidence: str
    relation: str = "was trained on"
    advice: str = OTHER_ENCODER
    exposure: Exposure | None = field(default=None, compare=False)
    subject: str = ""


def lineage_items(p: Params, specs: dict[str, dict]) -> list[LineageItem]:
    """Return everything that a study's systems derive from, features first.

    Args:
        specs: input -> specification of its store, as written by the step that extracted.

    Raises:
        ValueError: `trained_on` names a corpus that does not exist.
        CheckpointError: `training.start_from` holds no model.
    """
    known_corpora = {**corpora.CORPORA, **corpora.of_study(p)}
    _refuse_unknown(p, known_corpora)
    items, networks = [], origins(p.features, p.transcripts, specs)
    for input_name in sorted({name for system in p.systems.values() for name in system.all_inputs}):
        users = tuple(name for name, spec in p.systems.items()
                      if any(input_name in p.systems[each].all_inputs for each in spec.members or (name,)))  # fmt: skip
        own = of_features(input_name, specs.get(input_name, {}), networks, known_corpora)
        items += [replace(item, systems=users) for item in own]
    starts: dict[str, list[str]] = {}
    for name, system in p.systems.items():
        for member in (p.systems[each] for each in system.members or (name,)):
            if member.is_network and (folder := member.training_parameters(p.training).start_from) is not None:
                starts.setdefault(folder, []).append(name)
    for folder, names in starts.items():
        users = tuple(dict.fromkeys(names))
        items += [replace(item, systems=users) for item in of_checkpoint(folder, known_corpora)]
    return _without_repetition(items)


def _without_repetition(items: list[LineageItem]) -> list[LineageItem]:
    """Return the items with one item per network and per extraction: inputs that share it are named together."""
    merged: dict[tuple, LineageItem] = {}
    for item in items:
        key = (item.subject or item.name, item.corpora, item.status, item.relation)
        if (same := merged.get(key)) is not None:
            names = same.name if item.name == same.name else f"{same.name}; {item.name}"
            evidence = same.evidence if item.evidence == same.evidence else f"{same.evidence}; {item.evidence}"
            users = tuple(dict.fromkeys((*same.systems, *item.systems)))
            item = replace(same, name=names, evidence=evidence, systems=users)
        merged[key] = item
    return list(merged.values())


def of_features(input_name: str, spec: dict, networks: list[NetworkOrigin], known_corpora: Mapping[str, Corpus],
                prefix: str = "") -> list[LineageItem]:  # fmt: skip
    """Return everything that the vectors of an input derive from.

    An extractor that is fitted to data lists the corpora under `fitted_on` in its specification. An extractor that is
    neither fitted, hand-crafted nor a network with a stated origin is unknown.

    Args:
        input_name: the name of the input.
        spec: the modality of the input and the specification of its vectors.
        networks: the stated origins of the networks of all inputs.
        known_corpora: id -> corpus, of MER and of this study.
        prefix: text before the item's name, for features of another study.
    """
    extractor = spec.get("extractor")
    name = f"{prefix}features of {input_name}: extractor {extractor or 'not named'}"
    subject = f"extraction {files.digest(spec)}" if spec and not prefix else ""
    own = [origin for origin in networks if (origin.input or origin.modality) == input_name]
    items = [replace(_of_origin(origin, known_corpora, prefix), subject=_identity(origin, prefix))
             for origin in own if checkpoint_of(origin) is None]  # fmt: skip
    for origin in own:
        if (checkpoint := checkpoint_of(origin)) is not None:
            inside = of_checkpoint(str(checkpoint), known_corpora, f"{prefix}{origin.parameter}")
            items += [replace(item, advice=OTHER_ENCODER) for item in inside]
    if "fitted_on" in spec:
        fitted = _item(name, _texts(spec["fitted_on"]), known_corpora, DOCUMENTED, "the specification of their store")
        return [
            *items,
            replace(fitted, subject=subject, relation="was fitted on", advice="use an extractor that is not fitted"),
        ]
    if handmade(spec.get("modality", input_name), extractor):
        return [replace(_item(name, (), known_corpora, UNTRAINED, "hand-crafted"), subject=subject), *items]
    encoders = [origin for origin in own if not origin.parameter.startswith(RECOGNISER)]
    if any(origin.parameter.rpartition(".")[2] in NETWORK_PARAMETERS for origin in encoders):
        return items
    unknown = _item(name, (), known_corpora, UNKNOWN, "its network is not named")
    return [replace(unknown, subject=subject), *items]


def checkpoint_of(origin: NetworkOrigin) -> Path | None:
    """Return the checkpoint whose trained encoder a network is; None if it is none or not the one of its card.

    An encoder of faces is named by its file, any other by its folder.
    """
    place = files.from_root(origin.name)
    if origin.location == "file" and place.name == encoder_folders.FILE:
        place = place.parent
    elif origin.location != "folder":
        return None
    try:
        card = open_checkpoint(place.parent.parent).card
    except CheckpointError:
        return None
    is_own = place.parent.name == encoder_folders.ENCODERS and place.name in encoder_folders.trained_inputs(card)
    same = is_own and encoder_folders.digest_in_card(card, place.name) == origin.sha256
    return place.parent.parent if same else None


def of_checkpoint(
    start_from: str, known_corpora: Mapping[str, Corpus], parameter: str = "training.start_from"
) -> list[LineageItem]:
    """Return a checkpoint, its initial checkpoints, and the networks behind the features of each.

    Args:
        start_from: the folder of the checkpoint.
        parameter: the parameter that names it, or one of its encoders.

    Raises:
        CheckpointError: the folder holds no model.
    """
    checkpoint = open_checkpoint(files.from_root(start_from))
    name, lineage = f"{parameter} {files.to_root(checkpoint.folder)}", status(checkpoint)
    items = _of_model(checkpoint.card, name, lineage, known_corpora)
    items[0] = replace(items[0], exposure=stored_exposure(checkpoint.folder))
    for ancestor in checkpoint.card.ancestors:
        full_name = f"{name}: its ancestor {ancestor.name[:40]} (tensors {ancestor.tensors_sha256[:12]})"
        items += _of_model(ancestor, full_name, ancestor.lineage if lineage == COMPLETE else lineage, known_corpora)
    return items


def _of_model(model: Provenance, name: str, lineage: str, known_corpora: Mapping[str, Corpus]) -> list[LineageItem]:
    """A model by its card, and everything that its features derive from.

    Args:
        lineage: the status of its lineage.
    """
    evidence = {
        COMPLETE: "its model.json",
        ALTERED: "its model.json or its tensors were edited",
    }.get(lineage, "its model.json does not list all of its training data")
    names = (*model.corpora, *(corpus for part in (model.training_rows or {}).values() for corpus in part))
    own = _item(name, names, known_corpora, DOCUMENTED if lineage == COMPLETE else UNKNOWN, evidence)
    own = replace(own, families=own.families | set(model.families))
    items = [own, *_networks_of_model(model, known_corpora, f"{name}: ")]
    return [replace(item, advice=OTHER_CHECKPOINT) for item in items]


def underlying_networks(card: Card, known_corpora: Mapping[str, Corpus]) -> list[LineageItem]:
    """Return the networks behind the features of a model, and of the checkpoints that it derives from."""
    return [item for one in (card, *card.ancestors) for item in _networks_of_model(one, known_corpora, "")]


def _networks_of_model(model: Provenance, known_corpora: Mapping[str, Corpus], prefix: str) -> list[LineageItem]:
    """Everything that the features of a model derive from, without what is untrained."""
    networks, items = [origin for origin in map(from_json, model.encoders or ()) if origin is not None], []
    for input_name, spec in (model.features or {}).items():
        items += of_features(input_name, spec, networks, known_corpora, prefix)
    return [item for item in items if item.status != UNTRAINED]


def _of_origin(origin: NetworkOrigin, known_corpora: Mapping[str, Corpus], prefix: str) -> LineageItem:
    """A pretrained network, by its digest, its name on the hub, or the name that it gives itself."""
    by_content = encoder_registry.by_digest(origin.sha256)
    published = origin.location in ("hub", "package")
    entry = by_content or encoder_registry.by_name(origin.name if published else origin.name_hint)
    names = (*((entry and entry.corpora) or ()), *(origin.trained_on or ()))
    name, declaration = f"{prefix}{origin.parameter} {origin.name}", f"{_section(origin)}.trained_on"
    is_identified = by_content is not None or (published and entry is not None and entry.covers(origin.revision))
    if entry is not None and entry.corpora is not None and is_identified:
        rest = UNKNOWN if origin.trained_on is None else DECLARED
        evidence = f"{entry.source}; {declaration}" if origin.trained_on else entry.source
        return _item(name, names, known_corpora, rest if entry.incomplete else DOCUMENTED, evidence)
    if origin.trained_on is not None:
        return _item(name, names, known_corpora, DECLARED, declaration)
    return _item(name, names, known_corpora, UNKNOWN, _unknown_reason(origin, entry))


def _unknown_reason(origin: NetworkOrigin, entry: encoder_registry.Entry | None) -> str:
    declare = f"declare its training data in {_section(origin)}.trained_on"
    if origin.location not in ("hub", "package"):
        called = f" that calls itself {origin.name_hint}" if origin.name_hint else ""
        return f"a {origin.location}{called}; {declare}"
    if entry is None:
        return "not in the registry of public checkpoints"
    if entry.corpora is not None and not entry.covers(origin.revision):
        revisions = ", ".join(entry.revisions)
        return f"the registry lists revision {revisions}, not {origin.revision}; {declare}"
    return f"{entry.source}: {entry.other_data}"


def _identity(origin: NetworkOrigin, prefix: str) -> str:
    """Identifies a network within a study: two inputs with the same encoder depend on one network."""
    kind = origin.parameter.rpartition(".")[2]
    return "" if prefix else f"{kind} {origin.location} {origin.name} {origin.revision} {origin.sha256}"


def _section(origin: NetworkOrigin) -> str:
    return origin.parameter.rpartition(".")[0]


def _item(
    name: str, corpus_names: tuple[str, ...], known_corpora: Mapping[str, Corpus], status: str, evidence: str
) -> LineageItem:
    names = tuple(sorted(set(corpus_names)))
    families = frozenset(known_corpora[corpus].family if corpus in known_corpora else corpus for corpus in names)
    return LineageItem(name, (), names, families, status, evidence)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list | tuple | dict) else ()


def _refuse_unknown(p: Params, known_corpora: Mapping[str, Corpus]) -> None:
    """Refuse names in `trained_on` that are no corpus: a misspelt name would hide contamination."""
    sections = {f"features.{name}": part for name, part in p.features.items()} | {"transcripts": p.transcripts}
    for section, part in sections.items():
        for name in part.trained_on or ():
            if name not in known_corpora:
                near = closest_id(name, known_corpora)
                hint = f", did you mean {near}?" if near else ";"
                raise ValueError(
                    f"{section}.trained_on: {name!r} is no corpus of MER or of this study{hint} "
                    "other training data need not be listed"
                )
