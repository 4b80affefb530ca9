"""Everything that a study loads besides its rows, and what it has seen: feature networks, checkpoints, their ancestors.

An item is `known` where its publisher or a whole card says what it saw, `declared` where the user does, `made` where
nothing was learnt, else `unknown`. A name that anybody may have written (of a file, in a configuration, in an altered
card) can show that something has seen a corpus, and never that it has not.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mer import corpora, files
from mer.corpora import Corpus
from mer.evaluation.purity import encoder_registry
from mer.features.network_origins import Origin, origins
from mer.features.registry import handmade
from mer.params.schema import Params
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.lineage import ALTERED, COMPLETE, checkpoint_status, stored_exposure
from mer.training.checkpoints.training_data import Exposure

MADE, KNOWN, DECLARED, UNKNOWN = "made", "known", "declared", "unknown"
NETWORKS = ("model", "weights")
"""how the parameter of a network that makes vectors ends; detectors and recognisers are something else"""
RECOGNISER = "transcripts."


@dataclass(frozen=True)
class Loaded:
    """Something that a system depends on.

    Attributes:
        what: names it, the parameter first.
        systems: that use it.
        corpora: that it has seen, as far as they are known.
        families: theirs.
        certainty: `made`, `known`, `declared` or `unknown`.
        source: who says so, or why nobody does.
        how: the verb between `what` and the corpora.
        instead: what to take in its place.
        memory: digests of the recordings, people and lines that it and its ancestors have seen; None where nobody kept
            them.
    """

    what: str
    systems: tuple[str, ...]
    corpora: tuple[str, ...]
    families: frozenset[str]
    certainty: str
    source: str
    how: str = "was trained on"
    instead: str = "take another encoder"
    memory: Exposure | None = field(default=None, compare=False)


def loaded(p: Params, specs: dict[str, dict]) -> list[Loaded]:
    """Return what a study's systems load, features first.

    Args:
        specs: modality -> specification of its store, as written by the step that extracted.

    Raises:
        ValueError: `trained_on` names something that is no corpus.
        checkpoint.CheckpointError: `training.start_from` holds no model.
    """
    known = {**corpora.CORPORA, **corpora.of_study(p)}
    _refuse_unknown(p, known)
    found, behind = [], origins(p.features, p.transcripts, specs)
    for name in sorted({name for system in p.systems.values() for name in system.inputs}):
        using = tuple(each for each, system in p.systems.items() if name in system.inputs)
        items = of_features(name, specs.get(name, {}), behind, known)
        found += [replace(item, systems=using) for item in items]
    begun: dict[str, list[str]] = {}
    for name, system in p.systems.items():
        if system.is_network and (place := system.training_parameters(p.training).start_from) is not None:
            begun.setdefault(place, []).append(name)
    for place, names in begun.items():
        found += [replace(item, systems=tuple(names)) for item in of_checkpoint(place, known)]
    return found


def of_features(name: str, spec: dict, behind: list[Origin], known: Mapping[str, Corpus],
                place: str = "") -> list[Loaded]:  # fmt: skip
    """Return what the vectors of an input depend on.

    An extractor that is fitted to recordings or texts says to those of which corpora in its specification, under
    `fitted_on`; one that is neither fitted, made by hand nor a network that was told of is unknown.

    Args:
        spec: its modality and the specification of its vectors.
        behind: the declared networks of all inputs.
        place: said in front, where the features are not this study's.
    """
    extractor = spec.get("extractor")
    what = f"{place}features of {name}: extractor {extractor or 'not named'}"
    mine = [origin for origin in behind if (origin.input or origin.modality) == name]
    found = [_of_origin(origin, known, place) for origin in mine]
    if "fitted_on" in spec:
        told = "the specification of their store"
        return [*found, _item(what, _texts(spec["fitted_on"]), known, KNOWN, told, how="was fitted on",
                              instead="take an extractor that is not fitted")]  # fmt: skip
    if handmade(spec.get("modality", name), extractor):
        return [_item(what, (), known, MADE, "nothing in it is learnt"), *found]
    networks = [o for o in mine if not o.parameter.startswith(RECOGNISER)]
    if any(origin.parameter.rpartition(".")[2] in NETWORKS for origin in networks):
        return found
    return [_item(what, (), known, UNKNOWN, "nobody says which network that is"), *found]


def of_checkpoint(start_from: str, known: Mapping[str, Corpus]) -> list[Loaded]:
    """Return a checkpoint, those that it began with, and the networks behind the features of each.

    Raises:
        checkpoint.CheckpointError: the folder holds no model.
    """
    folder = files.from_root(start_from)
    card, place = checkpoint.read_card(folder), f"training.start_from {files.to_root(folder)}"
    whole, told = checkpoint_status(card, folder), card.get("ancestors")
    found = _of_card(card, place, whole, known)
    found[0] = replace(found[0], memory=stored_exposure(folder))
    for ancestor in (a for a in (told if isinstance(told, list) else ()) if isinstance(a, dict)):
        name, digest = (str(ancestor.get(key))[:40] for key in ("name", "tensors_sha256"))
        what = f"{place}: its ancestor {name} (tensors {digest[:12]})"
        found += _of_card(ancestor, what, str(ancestor.get("lineage")) if whole == COMPLETE else whole, known)
    return found


def _of_card(card: dict, what: str, state: str, known: Mapping[str, Corpus]) -> list[Loaded]:
    """A model by its card, and what its features depend on."""
    reason = {
        COMPLETE: "its model.json",
        ALTERED: "its model.json or its tensors are not as they were written",
    }.get(state, "its model.json does not say all that it has seen")
    parts = card.get("seen")
    listed = [name for part in parts.values() for name in _texts(part)] if isinstance(parts, dict) else []
    seen = (*_texts(card.get("corpora")), *listed)
    own = _item(what, seen, known, KNOWN if state == COMPLETE else UNKNOWN, reason,
                instead="begin with another checkpoint")  # fmt: skip
    own = replace(own, families=own.families | set(_texts(card.get("families"))))
    items = _behind(card, known, f"{what}: ")
    return [own, *(replace(item, instead="begin with another checkpoint") for item in items)]


def behind(card: dict, known: Mapping[str, Corpus]) -> list[Loaded]:
    """Return the networks behind the features of a model, and of those that it began with."""
    return [item for told in (card, *card.get("ancestors", ())) for item in _behind(told, known, "")]


def _behind(card: dict, known: Mapping[str, Corpus], place: str) -> list[Loaded]:
    """What the features of a model depend on, but for what was made by hand."""
    told = card.get("encoders")
    networks = [o for o in map(_origin, told if isinstance(told, list) else ()) if o is not None]
    specs, found = card.get("features"), []
    for name, spec in specs.items() if isinstance(specs, dict) else ():
        found += of_features(name, spec if isinstance(spec, dict) else {}, networks, known, place)
    return [item for item in found if item.certainty != MADE]


def _of_origin(origin: Origin, known: Mapping[str, Corpus], place: str) -> Loaded:
    by_content = encoder_registry.digested(origin.sha256)
    entry = by_content or encoder_registry.named(origin.name if origin.place in ("hub", "package") else origin.hint)
    named_surely = by_content is not None or origin.place in ("hub", "package")
    seen = (*((entry and entry.saw) or ()), *(origin.trained_on or ()))
    what = f"{place}{origin.parameter} {origin.name}"
    said = f"{_section(origin)}.trained_on"
    if entry is not None and entry.saw is not None and named_surely and (by_content or entry.covers(origin.revision)):
        certainty = KNOWN if not entry.partly else UNKNOWN if origin.trained_on is None else DECLARED
        return _item(what, seen, known, certainty, f"{entry.source}; {said}" if origin.trained_on else entry.source)
    if origin.trained_on is not None:
        return _item(what, seen, known, DECLARED, said)
    return _item(what, seen, known, UNKNOWN, _why_unknown(origin, entry))


def _why_unknown(origin: Origin, entry: encoder_registry.Entry | None) -> str:
    if origin.place not in ("hub", "package"):
        says = f"a {origin.place} that calls itself {origin.hint}" if origin.hint else f"a {origin.place}"
        return f"{says}; say what it saw: {_section(origin)}.trained_on"
    if entry is None:
        return "not in the registry of public checkpoints"
    if entry.saw is not None and not entry.covers(origin.revision):
        knows = f"the registry knows its revision {', '.join(entry.revisions)}, not {origin.revision}"
        return f"{knows}; say what it saw: {_section(origin)}.trained_on"
    return f"{entry.source}: {entry.besides}"


def _section(origin: Origin) -> str:
    return origin.parameter.rpartition(".")[0]


def _item(what: str, seen: tuple[str, ...], known: Mapping[str, Corpus], certainty: str, source: str, *,
          how: str = "was trained on", instead: str = "take another encoder") -> Loaded:  # fmt: skip
    names = tuple(sorted(set(seen)))
    families = frozenset(known[name].family if name in known else name for name in names)
    return Loaded(what, (), names, families, certainty, source, how, instead)


def _origin(told: object) -> Origin | None:
    """An origin as a card keeps it; None where it is something else."""
    try:
        found = Origin(**told)
    except TypeError:
        return None
    words = {name: value for name, value in vars(found).items() if name != "trained_on"}
    if not all(isinstance(v, str) or (v is None and name in ("sha256", "revision")) for name, v in words.items()):
        return None
    return replace(found, trained_on=None if found.trained_on is None else _texts(found.trained_on))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list | tuple | dict) else ()


def _refuse_unknown(p: Params, known: Mapping[str, Corpus]) -> None:
    """A slip in `trained_on` would acquit."""
    sections = {f"features.{name}": one for name, one in p.features.items()} | {"transcripts": p.transcripts}
    for section, part in sections.items():
        for name in part.trained_on or ():
            if name not in known:
                near = difflib.get_close_matches(name.lower(), known, n=1)
                like = f", do you mean {near[0]}?" if near else ";"
                raise ValueError(f"{section}.trained_on: {name!r} is no corpus of MER or of this study{like} "
                                 "what is none of them need not be named")  # fmt: skip
