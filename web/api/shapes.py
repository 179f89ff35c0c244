"""What requests and answers of the REST interface look like, where `web.site` has no type for it."""

from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from web.access.viewer import Role, Scope
from web.site import Condition, Order

T = TypeVar("T")

#: Characters of a name that is asked for, and any character but null, which no name has.
LENGTH, ANY = 200, r"^[^\x00]*$"
#: Items of a page at most, and unless told otherwise; stretches of a plot likewise.
MOST_ITEMS, ITEMS, MOST_POINTS, POINTS = 500, 50, 5000, 300
#: The latest time that is understood, in seconds since the epoch: the year 5138.
_MOST_SECONDS = 1e11

Device = Annotated[str, Path(min_length=1, max_length=LENGTH, pattern=ANY, description="The device's id.")]
Text = Annotated[str, Query(max_length=LENGTH, pattern=ANY)]
OfDevice = Annotated[str, Query(max_length=LENGTH, pattern=ANY, description="Only this device.")]
Search = Annotated[str, Query(max_length=LENGTH, pattern=ANY, description="A part of the device's name.")]
InCondition = Annotated[Condition, Query(description="Only devices in this condition.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of the page, at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="Where the page begins: `next_cursor` of another.")]
Start = Annotated[
    float | None,
    Query(ge=0, le=_MOST_SECONDS, allow_inf_nan=False, description="From this time on, in seconds since the epoch."),
]
End = Annotated[
    float | None,
    Query(ge=0, le=_MOST_SECONDS, allow_inf_nan=False, description="Before this time, in seconds since the epoch."),
]
InOrder = Annotated[Order, Query(description="Which come first.")]
Points = Annotated[int, Query(ge=1, le=MOST_POINTS, description="Stretches of time, at most.")]
Job = Annotated[
    str | None, Query(min_length=1, max_length=LENGTH, pattern=ANY, description="Of this burst; else of the last.")
]


class Strict(BaseModel):
    """A request's body, without fields that nobody knows."""

    model_config = ConfigDict(extra="forbid")


class Items(BaseModel, Generic[T]):
    """A page of a list. It may be short though more follows; it is the last one where `next_cursor` is null."""

    items: list[T]
    next_cursor: str | None = None


class Problem(BaseModel):
    """Why a request isn't answered (RFC 9457). `errors` names the fields that are wrong."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


class Credentials(Strict):
    """A name and a password."""

    name: str = Field(min_length=1, max_length=64, examples=["ada"])
    password: SecretStr = Field(min_length=1, max_length=1024, examples=["correct horse battery"])


class FirstCredentials(Credentials):
    """The name and password of the first account, and the token of the address that the terminal showed."""

    token: str = Field(min_length=1, max_length=200)


class Whoever(BaseModel):
    """Who asks. `csrf` is what a session's requests have to carry that change something, in `X-CSRF-Token`."""

    name: str
    role: Role
    devices: list[str] | None = Field(description="The devices that they may see; null is all.")
    csrf: str


class Jobs(Strict):
    """Which dead letters, by their jobs."""

    jobs: list[Annotated[str, Field(min_length=1, max_length=LENGTH, pattern=ANY)]] = Field(
        min_length=1, max_length=1000, examples=[["1790000040000-9f2c61d07a3b4e58"]]
    )


class Changed(BaseModel):
    """How many there were of these, and were changed."""

    changed: int


class NewToken(Strict):
    """What a token is for."""

    name: str = Field(min_length=1, max_length=64, description="What it is for, such as the program that gets it.")
    scopes: list[Scope] = Field(min_length=1, max_length=2, description="`keep` may change something, and has `read`.")


class TokenView(BaseModel):
    """A token, without its text."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: float


class MadeToken(TokenView):
    """A new token. Its text is shown this once."""

    token: str


class SiteView(BaseModel):
    """Whose view this is, and the version of what it shows, as events tell it."""

    kind: Literal["console", "device", "fleet"]
    name: str
    version: str


@dataclass(frozen=True)
class HoldingAnswer:
    """What one party holds of a frame. `picture` is the address of a PNG: the frame, or a ciphertext as grey noise."""

    party: Literal["device", "broker", "bridge", "redis", "worker", "console"]
    holds: Literal["picture", "ciphertext", "label", "nothing"]
    text: str
    size: int | None
    sha256: str
    picture: str | None


@dataclass(frozen=True)
class StoryAnswer:
    """What each party holds of one burst's frames."""

    device: str
    job: str
    custody: Literal["device", "site"]
    label: str
    at: float
    parties: tuple[HoldingAnswer, ...]
