"""All settings, typed, and the only reader of the environment and of citewell.toml.

Order, strongest first: arguments, ``CITEWELL_*`` variables (``CITEWELL_SERVER__PORT=8080``),
``citewell.toml`` (``CITEWELL_CONFIG``, else the nearest one in this folder or above it), defaults. Relative
paths are taken from the folder of that file, so that a command means the same from wherever it is called.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as UnreadableError

from rag.answer_settings import AnswerSettings, CheckSettings, RetrieveSettings, TopicSettings
from rag.errors import SettingsError
from rag.server_settings import (
    AuditSettings,
    AuthSettings,
    LimitSettings,
    ServerSettings,
    TraceSettings,
)
from rag.slack_settings import SlackSettings
from rag.source_settings import GroupRule, Section, SourceKind, SourceSettings

__all__ = [
    "GroupRule",
    "ServerSettings",
    "Settings",
    "ShownSetting",
    "SourceKind",
    "SourceSettings",
    "load_settings",
    "origin_of",
    "show_settings",
]

PREFIX = "CITEWELL_"
FILE = "citewell.toml"
_SECRET = ("api_key", "database_url", "client_secret", "_token", "signing_secret")


class EmbedderSettings(Section):
    """Turns text into vectors."""

    model: str = Field("multilingual-e5-small", description="Name of the embedder in the catalogue.")
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto",
        description="Number format; int8: of passages only. auto: float16 on a GPU, on a CPU the fastest.",
    )
    device: str = Field(
        "auto", description="torch device: cpu, cuda:1, several with commas; auto: every GPU, else the CPU."
    )
    batch_tokens: int = Field(
        0,
        ge=0,
        description="Padded tokens in one embedding batch; 0: 2048 on a CPU, 32768 on a GPU.",
    )
    url: str = Field(
        "",
        description="Base URL (…/v1) of an OpenAI-compatible server that embeds passages; empty: none.",
    )
    api_key: str = Field("", description="Key that the server at url asks for.")


class GeneratorSettings(Section):
    """Writes draft sentences from the evidence."""

    model: str = Field("qwen2.5-coder-1.5b-instruct", description="Name of the generator in the catalogue.")
    precision: Literal["auto", "as_is", "int8"] = Field(
        "auto",
        description="Weights that Citewell's own vLLM serves: as_is, or rounded to int8; auto rounds on a "
        "CPU (faster there) where the model's kind is known.",
    )
    url: str = Field(
        "", description="Base URL of a running OpenAI-compatible server (…/v1); empty: Citewell's own vLLM."
    )
    api_key: str = Field("", description="Key that the server at url asks for.")
    enabled: bool = Field(True, description="False answers with verified quotes only.")
    host: str = Field("127.0.0.1", description="Address that Citewell's own vLLM listens on.")
    port: int = Field(8101, ge=1, le=65535, description="Port that Citewell's own vLLM listens on.")
    python: Path = Field(
        Path(".venv-vllm/bin/python"), description="Python of the environment that vLLM lives in."
    )
    max_model_len: int = Field(4096, ge=512, description="Context window to serve, in tokens.")
    kv_cache_gib: float = Field(2.0, gt=0, description="Memory for vLLM's key-value cache on a CPU, in GiB.")
    gpu_memory: float = Field(0.85, gt=0, le=1, description="Share of a GPU's memory that vLLM may take.")
    arguments: list[str] = Field(
        [], description="Further arguments of Citewell's own vLLM; deploy/gpu/ has some for each size of GPU."
    )
    start_timeout_s: float = Field(300, gt=0, description="Seconds that vLLM may take to start.")
    timeout_s: float = Field(60, gt=0, description="Seconds that one generation may take.")


class IngestSettings(Section):
    """Limits and sizes of the document path."""

    chunk_tokens: int = Field(
        220, ge=32, le=480, description="Token budget of a chunk, counted by the embedder's tokenizer."
    )
    max_file_mb: float = Field(250, gt=0, description="Larger files are refused, in MB.")
    max_unpacked_mb: float = Field(
        500, gt=0, description="Office files and archives that unpack to more are refused (zip bombs), in MB."
    )
    max_ratio: float = Field(
        200, gt=1, description="Office files and archives that compress better than this are refused."
    )
    max_members: int = Field(
        10_000, ge=1, description="Archives with more files in them are refused; so are mailboxes."
    )
    max_depth: int = Field(
        3, ge=0, description="How deep archives and attachments are opened inside each other; 0: not at all."
    )
    max_text_mb: float = Field(
        20,
        gt=0,
        description="Documents with more extracted text are refused, in MB; 20 MB take hours on a CPU.",
    )
    parse_timeout_s: float = Field(120, gt=0, description="Seconds that one file may take to parse.")
    parse_memory_mb: int = Field(1000, ge=100, description="Memory that parsing one file may take, in MB.")
    ocr: bool = Field(
        True, description="Read scanned pages and images with tesseract; False leaves them without text."
    )
    ocr_languages: str = Field(
        "eng+chi_sim+chi_tra",
        pattern=r"^[A-Za-z_/]+(\+[A-Za-z_/]+)*$",
        description="Languages of scans, in tesseract's names, joined by +; only installed ones are used.",
    )
    ocr_dpi: int = Field(300, ge=70, le=600, description="Dots per inch that scanned pages are read at.")
    ocr_max_pages: int = Field(
        500, ge=0, description="Pages of one file that are read by OCR at most; a page takes seconds."
    )
    ocr_timeout_s: float = Field(
        60, gt=0, description="Seconds that OCR of one page may take, beyond parse_timeout_s."
    )
    libreoffice: str = Field(
        "soffice",
        description="LibreOffice's program, by name or path; it opens doc, xls and ppt. Empty: not used.",
    )
    readers: int = Field(
        1, ge=1, le=64, description="Files that are read and parsed at the same time, beside embedding."
    )
    max_removed_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Larger shares of a source's files are not removed at once without confirmation.",
    )
    keep_originals: bool = Field(
        True, description="Keep a copy of each original, so that citations can open it."
    )


class JobSettings(Section):
    """The worker that keeps sources up to date."""

    database_url: str = Field("", description="Postgres of the queue (postgresql://…); empty: SQLite.")
    concurrency: int = Field(1, ge=1, le=64, description="Jobs that one worker runs at once.")
    attempts: int = Field(5, ge=1, description="Tries of a job whose source or database cannot be reached.")
    backoff_s: float = Field(10, gt=0, description="Seconds before the second try; doubled each time.")
    quiet_hours: str = Field(
        "", description="No scheduled work then, local time: 08:00-18:00 or Mon-Fri 08:00-18:00, with commas."
    )
    give_way_s: float = Field(
        2, ge=0, description="Seconds that a batch waits at most while questions are being answered."
    )


class LogSettings(Section):
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged."
    )
    format: Literal["text", "json"] = Field("text", description="Form of a log line.")


class Settings(BaseSettings):
    """The whole tree; see ``citewell config show``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    home: Path = Field(
        Path("var"), description="Folder of everything Citewell keeps: database, index, models, logs."
    )
    embedder: EmbedderSettings = EmbedderSettings()
    generator: GeneratorSettings = GeneratorSettings()
    ingest: IngestSettings = IngestSettings()
    jobs: JobSettings = JobSettings()
    sources: dict[str, SourceSettings] = Field({}, description="Places that documents come from, by name.")
    retrieve: RetrieveSettings = RetrieveSettings()
    topics: TopicSettings = TopicSettings()
    answer: AnswerSettings = AnswerSettings()
    check: CheckSettings = CheckSettings()
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings = AuditSettings()
    traces: TraceSettings = TraceSettings()
    slack: SlackSettings = SlackSettings()
    log: LogSettings = LogSettings()

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the one database."""
        return f"sqlite:///{self.home / 'citewell.db'}"

    @property
    def models_dir(self) -> Path:
        """Where verified models lie."""
        return self.home / "models"

    @property
    def uploads_dir(self) -> Path:
        """Uploaded files, in a folder for each collection."""
        return self.home / "uploads"

    @property
    def originals_dir(self) -> Path:
        """Content-addressed originals."""
        return self.home / "originals"

    @property
    def index_dir(self) -> Path:
        """Snapshots of the derived vector index."""
        return self.home / "index"

    @property
    def calibration_dir(self) -> Path:
        """Calibrated models of this organisation's own (`citewell eval calibrate`)."""
        return self.home / "calibration"

    @property
    def logs_dir(self) -> Path:
        """Log of the vLLM process."""
        return self.home / "logs"

    @property
    def generator_url(self) -> str:
        """Base URL of the generator, Citewell's own or the one that was named."""
        return self.generator.url or f"http://{self.generator.host}:{self.generator.port}/v1"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One line of ``citewell config show``."""

    name: str
    value: Any
    origin: str
    variable: str
    description: str


def _config_file() -> Path | None:
    """The file named by CITEWELL_CONFIG, else the nearest citewell.toml at or above the working folder."""
    named = os.environ.get(PREFIX + "CONFIG")
    if named:
        path = Path(named).expanduser().resolve()
        if not path.is_file():
            raise SettingsError(f"{PREFIX}CONFIG names {path}, which is not a file.", "Correct or unset it.")
        return path
    here = Path.cwd()
    return next((p / FILE for p in (here, *here.parents) if (p / FILE).is_file()), None)


def _loader(file: Path | None) -> type[Settings]:
    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(  # type: ignore[override]
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            **_: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            if file is None:
                return init_settings, env_settings
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    return Loaded


def _check_variables() -> None:
    """pydantic-settings ignores variables that it does not know; a misspelt one must not pass silently."""
    known = {shown.upper() for shown in (_variable(name) for name, _ in _leaves(Settings))}
    known |= {PREFIX + "CONFIG"}
    for name in os.environ:
        if name.startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(f"{name} is not a setting.", "`citewell config show` lists every setting.")


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - passed on to pydantic, which checks them
    """Read all sources. Raises SettingsError naming the setting that is wrong."""
    file = _config_file()
    _check_variables()
    try:
        settings = _loader(file)(**overrides)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.", "Correct the file.") from error
    except UnreadableError as error:
        raise SettingsError(
            f"{str(error).capitalize()}.", 'In a variable a list is JSON: ["one", "two"].'
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"Setting {name}: {first['msg']} (given: {first.get('input')!r}).",
            "`citewell config show` lists every setting and its meaning.",
        ) from error
    base = file.parent if file else Path.cwd()
    generator = settings.generator.model_copy(
        update={"python": base / settings.generator.python.expanduser()}
    )
    sources = {name: _placed(source, base) for name, source in settings.sources.items()}
    return settings.model_copy(
        update={"home": base / settings.home.expanduser(), "generator": generator, "sources": sources}
    )


def _placed(source: SourceSettings, base: Path) -> SourceSettings:
    """A source whose location, if it is a path, is taken from ``base``."""
    local = source.kind in ("folder", "confluence", "notion", "slack", "mail")
    if not local and not (source.kind == "git" and source.location.startswith((".", "~"))):
        return source
    return source.model_copy(update={"location": str(base / Path(source.location).expanduser())})


def _leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}", info


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


def _within(tree: Mapping[str, Any], name: str) -> bool:
    node: Any = tree
    for part in name.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def origin_of(name: str) -> str:
    """Where a setting comes from: a variable's name, the file's, or "default"."""
    if _variable(name) in os.environ:
        return _variable(name)
    file = _config_file()
    return str(file) if file and _within(tomllib.loads(file.read_text("utf-8")), name) else "default"


def show_settings(settings: Settings, changed: Collection[str] = ()) -> list[ShownSetting]:
    """Each setting with its value, the source that it came from and its meaning. Secrets are masked.
    ``changed`` names those that an administrator has changed (rag.changed_settings).
    """
    shown = []
    for name, info in _leaves(Settings):
        value: Any = settings
        for part in name.split("."):
            value = getattr(value, part)
        origin = origin_of(name)
        if origin == "default" and name in changed:
            origin = "administrator"
        if name.endswith(_SECRET) and value:
            value = "********"
        if name == "sources":
            # locations and options may hold secrets; `citewell source list` shows them masked
            value = {source: config.kind for source, config in value.items()}
        shown.append(ShownSetting(name, value, origin, _variable(name), info.description or ""))
    return shown
