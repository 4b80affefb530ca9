"""Alterations of waveforms that make further training rows: the section `augmentation`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from mer.params.section import InputName, Section


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("give the lower number first")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_ascending)]
"""The smallest and the largest value that may be drawn."""
PositiveRange = Annotated[tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]],
                          AfterValidator(_ascending)]  # fmt: skip
KINDS = ("copy_paste", "speed", "pitch", "reverberation", "noise", "gain", "codec")
"""The kinds of alterations, in the order in which they are applied."""
Codec = Literal["opus", "mp3", "amr", "mulaw"]
"""A lossy codec. `amr` and `mulaw` are those of telephony, at 8 kHz."""


class CopyPasteParameters(Section):
    """Another recording of the same speaker and class is added."""

    ways: tuple[Literal["concatenate", "overlay"], ...] = Field(("concatenate", "overlay"), min_length=1)
    """Whether it follows the recording, or is mixed with it at the same level."""


class SpeedParameters(Section):
    """The recording is played faster or slower, which changes its pitch, too."""

    factor: PositiveRange = (0.9, 1.1)
    """The factor of the speed."""


class PitchParameters(Section):
    """The pitch is changed at the same duration. Formants move along."""

    semitones: Range = (-2.0, 2.0)
    """The change, in semitones."""


class ReverberationParameters(Section):
    """The recording is convolved with a synthetic impulse response: the direct sound, and noise that decays."""

    t60: PositiveRange = (0.2, 0.8)
    """The time in which the reverberation decays by 60 dB, in seconds."""
    direct_to_reverberant: Range = (0.0, 12.0)
    """The level of the direct sound above that of the reverberation, in dB."""


class NoiseParameters(Section):
    """Noise is added."""

    snr: Range = (5.0, 20.0)
    """The level of the recording above that of the noise, in dB, over the whole recording."""
    kinds: tuple[Literal["white", "pink", "babble"], ...] = Field(("white", "pink", "babble"), min_length=1)
    """`babble` is a mixture of recordings of the same corpus that are always in the same part as the recording."""


class GainParameters(Section):
    """The level is changed, and samples above full scale are clipped."""

    decibels: Range = (-12.0, 12.0)
    """The change of the level, in dB."""


class CodecParameters(Section):
    """The recording is encoded with few bits and decoded again."""

    kinds: tuple[Codec, ...] = Field(("opus", "mp3", "amr", "mulaw"), min_length=1)


class Augmentation(Section):
    """Altered copies of training recordings, of which systems with `training.augmented` learn, too.

    Each variant of a recording gets `per_variant` of the alterations that are stated here, drawn at random. They are
    applied in the order of these parameters: that in which sound passes speaker, room, microphone and channel.
    """

    variants: int = Field(1, ge=1, le=20)
    """The number of altered copies of each training recording."""
    per_variant: int = Field(1, ge=1)
    """The number of alterations of each copy."""
    seed: int = Field(0, ge=0)
    inputs: tuple[InputName, ...] = ()
    """The inputs of modality audio that are extracted from the copies; by default all of them."""
    copy_paste: CopyPasteParameters | None = None
    speed: SpeedParameters | None = None
    pitch: PitchParameters | None = None
    reverberation: ReverberationParameters | None = None
    noise: NoiseParameters | None = None
    gain: GainParameters | None = None
    codec: CodecParameters | None = None

    @field_validator(*KINDS, mode="before")
    @classmethod
    def _defaults_if_named(cls, value: object) -> object:
        """`noise: true` and `noise: {}` have the defaults."""
        return {} if value is True else None if value is False else value

    @model_validator(mode="after")
    def _has_alterations(self) -> "Augmentation":
        if not self.alterations:
            raise ValueError(
                f"names no alteration; there are {', '.join(KINDS)}, for example `noise: {{snr: [5, 20]}}`"
            )
        if self.per_variant > len(self.alterations):
            raise ValueError(f"per_variant: {self.per_variant} is more than the {len(self.alterations)} alterations")
        return self

    @property
    def alterations(self) -> dict[str, Section]:
        """Kind of alteration -> its parameters, in the order in which they are applied."""
        return {kind: one for kind in KINDS if (one := getattr(self, kind)) is not None}
