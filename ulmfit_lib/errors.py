"""One family of errors: what is wrong, where it is, what to do about it."""


class UlmfitError(Exception):
    """Something that the user can mend.

    Args:
        what: one clear sentence about what is wrong.
        where: the file, row, column or cell; left out of the message when empty.
        fix: what to do about it; left out of the message when empty.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        message = f"{where}: {what}" if where else what
        super().__init__(f"{message} {fix}".strip())


class DataError(UlmfitError):
    """A file of texts that cannot be used as it is."""


class ArtifactError(UlmfitError):
    """A saved model, vocabulary or checkpoint that does not fit or is damaged."""


class ConfigError(UlmfitError):
    """An option or a combination of sizes that makes no sense."""


class TrainingError(UlmfitError):
    """Training that cannot go on, such as a loss that is not a number."""
