"""Types that all sections of the parameters share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
Modality = Literal["audio", "video", "text"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""The name of a file or folder."""
InputName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
"""The name of an input: lower-case letters, digits and `_`, a letter first."""
LexicalControl = Literal["free", "parallel", "emotion_specific"]


class Section(BaseModel):
    """An immutable section, in which an undeclared name or NaN is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
