"""What sections of the parameters have in common."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
Modality = Literal["audio", "video", "text"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""of a file or folder"""
InputName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
"""The name of an input: lower-case letters, digits and `_`, a letter first."""
LexicalControl = Literal["free", "parallel", "emotion_specific"]


class Section(BaseModel):
    """Immutable; a name that is not declared here is an error, and so is NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
