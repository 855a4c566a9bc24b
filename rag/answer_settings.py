"""The settings of the answer path, part of the tree in rag.settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rag.source_settings import Section

__all__ = ["AnswerSettings", "CheckSettings", "RetrieveSettings", "TopicSettings"]


class RetrieveSettings(Section):
    """How many passages are looked at."""

    candidates: int = Field(50, ge=1, description="Passages taken from each of the two searches.")
    hits: int = Field(10, ge=1, description="Passages that go on to evidence selection.")
    rrf_k: float = Field(60, gt=0, description="Constant of reciprocal rank fusion (Cormack et al. 2009).")


class TopicSettings(Section):
    """Topics by name, for what the documents themselves cannot tell; a topic is a plain phrase."""

    allowed: list[str] = Field([], description="Topics whose questions are never called off topic.")
    blocked: list[str] = Field([], description="Topics whose questions are not answered at all.")


Layer = Literal["agreement", "alignment", "entailment", "translation", "contrast", "probe", "judge"]
LARGE = 7_000_000_000  # parameters from which whole passages help a generator more than they distract it


class AnswerSettings(Section):
    """What is shown to the reader."""

    generator_size: Literal["auto", "small", "large"] = Field(
        "auto",
        description="small: one sentence drafted from chosen quotes; large: up to max_sentences from whole "
        "passages; auto: large from 7 billion parameters on.",
    )
    policy: Literal["strict", "flag"] = Field(
        "strict",
        description="strict replaces or drops a sentence that fails its check; flag shows it marked.",
    )
    max_sentences: int = Field(
        3, ge=1, le=20, description="Sentences of an answer at most; one more for each further part."
    )
    draft_sentences: int = Field(
        1, ge=0, le=20, description="Sentences that the generator drafts; 0 answers with quotes alone."
    )
    evidence_sentences: int = Field(4, ge=1, le=40, description="Quotes shown to the generator.")
    evidence_tokens: int = Field(400, ge=50, description="Token budget of the quotes shown to the generator.")
    whole_passages: bool = Field(
        False, description="Show the generator all sentences of the passages that the quotes are from."
    )
    reading: Literal["off", "across", "always"] = Field(
        "across",
        description="For which questions the generator reads the best passage, to tell whether it answers: "
        "none, those in another language than the passage, or all (up to a second each without a GPU).",
    )
    max_question_chars: int = Field(2000, ge=10, description="Longer questions are refused.")

    def sized(self, parameters: int) -> AnswerSettings:
        """With the defaults that fit a generator of so many parameters (0: unknown, taken for small). What
        was set to another value than its default stays.
        """
        auto = "large" if parameters >= LARGE else "small"
        if (auto if self.generator_size == "auto" else self.generator_size) == "small":
            return self
        fitting = {
            "whole_passages": True,
            "draft_sentences": self.max_sentences,
            "evidence_tokens": 1600,
        }
        # not model_fields_set: settings that come from a file and the environment count all of them as set
        fields = type(self).model_fields
        untouched = {name for name in fitting if getattr(self, name) == fields[name].default}
        return self.model_copy(update={name: fitting[name] for name in untouched})


class CheckSettings(Section):
    """How a drafted sentence is checked against its evidence."""

    layers: tuple[Layer, ...] = Field(
        ("agreement", "alignment", "translation", "judge"),
        description="Checks of a drafted sentence; those after the first two are asked where doubt is left.",
    )
    entailment_model: str = Field(
        "mdeberta-v3-base-xnli",
        description="Name of the imported entailment model; once it is installed and fitted, it is asked.",
    )
