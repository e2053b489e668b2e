"""Which models serve actions on pictures: by the settings, and by their skills."""

from collections.abc import Sequence
from typing import Final

from infra.settings import Settings
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.model_catalog import (
    OWN_MODEL,
    ModelServer,
    ModelSpec,
    servers_of,
)
from schemas.parameters import MAX_PROMPT_CHARACTERS
from schemas.picture_action_errors import ActionNotPossibleError
from schemas.picture_skills import PictureSkills
from schemas.protocols import Protocol

NOTHING_SPECIAL: Final = PictureSkills()


class PictureModels:
    """Chooses models for actions.

    Args:
        settings: The model servers, and which models the operator named.

    Attributes:
        longest_prompt: In characters.
    """

    def __init__(self, settings: Settings) -> None:
        self._servers: Sequence[ModelServer] = settings.model_servers
        self._describe = settings.describe_model
        self._upscale = settings.upscale_model
        self.longest_prompt: Final = min(MAX_PROMPT_CHARACTERS, settings.max_prompt_chars)

    def editor(self, model: str | None, parent: str) -> str:
        """Return the model for an edit: the wanted one, the parent's, or the first that can.

        A wanted one that nobody knows is returned as it is: whoever takes jobs refuses it.

        Raises:
            ActionNotPossibleError: No model edits pictures, or the wanted one only enlarges.
        """
        if model == OWN_MODEL:
            raise ActionNotPossibleError(
                f"{OWN_MODEL} only enlarges pictures: leave model out, or name one that edits"
            )
        if model is not None:
            return model
        able = [name for name, skills in self._editors() if skills.upscales is None]
        if not able:
            raise ActionNotPossibleError(
                "no model server offers a model of kind image_edit that does more than "
                "enlarge, which this action needs: the operator adds one to model_servers"
            )
        return parent if parent in able else able[0]

    def painter_around(self, model: str | None, parent: str) -> str:
        """Return the model that paints around a picture: one that edits with masks.

        Raises:
            ActionNotPossibleError: There is none, or the wanted one does not.
        """
        chosen = self.editor(model, parent)
        unknown = not servers_of(self._servers, chosen, Kind.IMAGE_EDIT)
        if unknown or self._masks(chosen):
            return chosen
        others = [] if model else [s.name for one in self._servers for s in one.models]
        able = next((name for name in others if self._masks(name)), None)
        if able is None:
            raise ActionNotPossibleError(
                f"{chosen} does not edit with masks, as far as the settings tell, and no other "
                "model does; the operator sets skills.masks of one that can, or name another "
                "in model"
            )
        return able

    def upscaler(self, model: str | None) -> tuple[str, PictureSkills]:
        """Return the model that enlarges, and how it is asked.

        Raises:
            ActionNotPossibleError: The wanted model is no upscaler.
        """
        wanted = model or self._upscale
        for name, skills in self._editors():
            if skills.upscales is not None and wanted in {None, name}:
                return name, skills
        if wanted is None or wanted == OWN_MODEL:
            return OWN_MODEL, PictureSkills(upscales="size")
        if model is None:
            # The operator named it: it is asked for a size, as genq's own is.
            return wanted, PictureSkills(upscales="size")
        raise ActionNotPossibleError(
            f"{wanted} is not known as an upscaler: leave model out, name {OWN_MODEL}, or the "
            "operator sets skills.upscales of it"
        )

    def describer(self, model: str | None) -> str:
        """Return the chat model that looks at pictures.

        Raises:
            ActionNotPossibleError: None is configured.
        """
        found = model or self._describe
        if found is None:
            raise ActionNotPossibleError(
                "no chat model that sees pictures is configured: the operator sets "
                "GENQ_DESCRIBE_MODEL, or name one in model"
            )
        return found

    def skills(self, model: str) -> PictureSkills:
        """Return what is said of a model that edits pictures."""
        return next((s for name, s in self._editors() if name == model), NOTHING_SPECIAL)

    def takes_seed(self, model: str, kind: Kind) -> bool:
        """Return whether the operator says that servers of a model take ``seed``."""
        return any(
            spec.skills.seeds
            for server in self._servers
            for spec in server.models
            if (spec.name, spec.kind) == (model, kind)
        )

    def _masks(self, model: str) -> bool:
        return any(
            spec.name == model and spec.kind is Kind.IMAGE_EDIT and _masks(server, spec)
            for server in self._servers
            for spec in server.models
        )

    def _editors(self) -> list[tuple[str, PictureSkills]]:
        return [
            (spec.name, spec.skills)
            for server in self._servers
            for spec in server.models
            if spec.kind is Kind.IMAGE_EDIT
        ]


def _masks(server: ModelServer, spec: ModelSpec) -> bool:
    # An upscaler takes a mask as little as genq's own does.
    if spec.skills.masks is None:
        return server.protocol is Protocol.OPENAI and spec.skills.upscales is None
    return spec.skills.masks


def refuse_out_of_place(names: Sequence[str], action: str, taken: Sequence[str]) -> None:
    """Refuse parameters that an action does not have.

    Raises:
        InputError: There are some; each is named.
    """
    if names:
        known = ", ".join(sorted(taken)) or "none"
        faults = [
            FieldError(f"/{n}", f"means nothing to {action}; it has: {known}") for n in names
        ]
        raise InputError(f"{action} does not have {', '.join(names)}", fields=faults)
