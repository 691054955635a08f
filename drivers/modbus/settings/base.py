"""What all tables of keys have in common."""

from pydantic import BaseModel, ConfigDict


class Keys(BaseModel):
    """Frozen, with no key that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def given(self) -> dict[str, object]:
        """The keys that were written down, not those that have their default."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def refuse(self, names: tuple[str, ...], why: str) -> None:
        """Raises ValueError if any of these keys is given."""
        given = [name for name in names if name in self.model_fields_set]
        if given:
            raise ValueError(f"{', '.join(given)}: {why}")
