"""Every error that Citewell raises on purpose, in one tree.

    CitewellError
    ├── SettingsError            a setting is wrong
    │   └── SettingsChangeError      it is not to be changed while the server runs, or not to that
    ├── QuestionError            the question cannot be asked (empty, too long)
    ├── ConversationError        a conversation is not in the state that this needs
    ├── QuestionSetError         a question set or the results of a run cannot be used
    ├── EvaluationError          another evaluation runs, or this one is done
    ├── ModelError
    │   ├── UnknownModelError        not in the catalogue
    │   ├── ModelMissingError        in the catalogue, not on this machine
    │   ├── DownloadError            no source gave the file
    │   ├── HashMismatchError        a file is not the one the catalogue pins
    │   ├── ConversionError          the converted model does not reproduce known values
    │   ├── EmbedderUnavailableError the server that embeds passages does not answer
    │   └── ProbeError               no probe, a damaged one, or one of another model, layer or template
    ├── GeneratorError
    │   ├── GeneratorUnavailableError   no generator answers (a state, not a crash)
    │   └── GeneratorStartError         vLLM did not start
    ├── IngestError
    │   ├── SourceNotFoundError      the path does not exist
    │   ├── SourceUnavailableError   the source cannot be listed now; nothing is removed
    │   ├── SourceConflictError      a source of that name is there, or is not to be changed like this
    │   ├── UnsupportedFormatError   no parser for it
    │   ├── UnreadableFileError      damaged, encrypted, empty, not what its name says
    │   ├── TooLargeError            over a limit of the settings
    │   └── PageNotFoundError        the file has no page of that number
    ├── StoreError
    │   ├── DiskFullError            no room left to write
    │   ├── NotFoundError            no such document, or not for this reader
    │   └── SchemaError              the database belongs to another version
    ├── IndexStateError          the index does not fit the database or the embedder
    ├── AccessError
    │   ├── SignInError              nobody is signed in, or not with these credentials
    │   ├── ForbiddenError           signed in, but without the right to do this
    │   ├── ProviderError            the provider that people sign in at does not do its part
    │   └── TooManyRequestsError     more than the limits allow one person
    ├── AccountError             a name, password, group or key cannot be as it was given
    │   └── AccountConflictError     there is one of that name, or it is not to be changed like this
    ├── BusyError                too much is being worked on already
    └── MachineError             something on this machine is missing or taken (a port, an environment)
        └── MissingPackageError      an optional Python package is not installed

Each carries what happened and, as ``remedy``, what the reader can do about it.
"""

from __future__ import annotations

__all__ = [
    "AccessError",
    "AccountConflictError",
    "AccountError",
    "BusyError",
    "CitewellError",
    "ConversationError",
    "ConversionError",
    "DiskFullError",
    "DownloadError",
    "EmbedderUnavailableError",
    "EvaluationError",
    "ForbiddenError",
    "GeneratorError",
    "GeneratorStartError",
    "GeneratorUnavailableError",
    "HashMismatchError",
    "IndexStateError",
    "IngestError",
    "MachineError",
    "MissingPackageError",
    "ModelError",
    "ModelMissingError",
    "NotFoundError",
    "PageNotFoundError",
    "ProbeError",
    "ProviderError",
    "QuestionError",
    "QuestionSetError",
    "SchemaError",
    "SettingsChangeError",
    "SettingsError",
    "SignInError",
    "SourceConflictError",
    "SourceNotFoundError",
    "SourceUnavailableError",
    "StoreError",
    "TooLargeError",
    "TooManyRequestsError",
    "UnknownModelError",
    "UnreadableFileError",
    "UnsupportedFormatError",
]


class CitewellError(Exception):
    """Base of all errors: one sentence on what happened, one on what to do. ``retry_after_s``: when it may
    be worth trying again, where that is known.
    """

    retry_after_s: float | None = None

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class SettingsError(CitewellError):
    """A setting is unknown, malformed or contradicts another."""


class SettingsChangeError(SettingsError):
    """A setting is not to be changed while the server runs, or cannot have this value."""


class QuestionError(CitewellError):
    """The question cannot be asked as it stands."""


class ConversationError(CitewellError):
    """A conversation, or an answer in it, is not in the state that this needs."""


class QuestionSetError(CitewellError):
    """Questions, labelled sentences or the results of a run cannot be read, or do not fit what is asked of
    them.
    """


class EvaluationError(CitewellError):
    """An evaluation is not in a state for what is asked of it."""


class MachineError(CitewellError):
    """Something that this machine should offer is missing or taken: a port, an environment, a program."""


class MissingPackageError(MachineError):
    """An optional Python package is not installed; the remedy is the command that installs it."""


class ModelError(CitewellError):
    """Base of errors about models on disk."""


class UnknownModelError(ModelError):
    """The catalogue has no model of that name."""


class ModelMissingError(ModelError):
    """The model is known but not on this machine."""


class DownloadError(ModelError):
    """No source gave the model's files."""


class HashMismatchError(ModelError):
    """A file differs from the one that the catalogue pins; it is not used."""


class ConversionError(ModelError):
    """A converted model does not reproduce the values that it must."""


class EmbedderUnavailableError(ModelError):
    """The server that embeds passages does not answer."""


class ProbeError(ModelError):
    """There is no probe of hidden states, it is damaged, or it belongs to another model or template."""


class GeneratorError(CitewellError):
    """Base of errors about the served language model."""


class GeneratorUnavailableError(GeneratorError):
    """No generator answers. The assistant goes on with quotes."""


class GeneratorStartError(GeneratorError):
    """vLLM could not be started; the message ends with the tail of its log."""


class IngestError(CitewellError):
    """Base of errors about one source or file; the others go on."""


class SourceNotFoundError(IngestError):
    """The path to ingest does not exist."""


class SourceUnavailableError(IngestError):
    """The source cannot be listed now, so nothing is known to be gone: nothing is removed."""


class SourceConflictError(IngestError):
    """A source of that name is there already, or it belongs to the settings file or the uploads."""


class UnsupportedFormatError(IngestError):
    """No parser reads this kind of file."""


class UnreadableFileError(IngestError):
    """The file is damaged, encrypted, empty or not what its name says."""


class TooLargeError(IngestError):
    """The file exceeds a limit of the settings."""


class PageNotFoundError(IngestError):
    """The file has no page of that number."""


class StoreError(CitewellError):
    """Base of errors about the database."""


class DiskFullError(StoreError):
    """There is no room left to write."""


class NotFoundError(StoreError):
    """There is no such document, or none that this reader may see."""


class SchemaError(StoreError):
    """The database was written by a newer or foreign version."""


class IndexStateError(CitewellError):
    """The vectors do not fit the embedder or the index."""


class AccessError(CitewellError):
    """Base of errors about who may do what."""


class SignInError(AccessError):
    """Nobody is signed in, or the credentials are not (or no longer) good."""


class ForbiddenError(AccessError):
    """Who asks is known, but may not do this."""


class ProviderError(AccessError):
    """The provider that people sign in at cannot be reached, or is not what the settings say."""


class TooManyRequestsError(AccessError):
    """One person asked for more than the limits allow."""


class AccountError(CitewellError):
    """A name, password, group, scope or date of an account or key cannot be as it was given."""


class AccountConflictError(AccountError):
    """There is an account of that name already, or this one is not to be changed like this."""


class BusyError(CitewellError):
    """Too many answers are being worked on; this one was not begun."""
