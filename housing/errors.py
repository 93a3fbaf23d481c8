"""Expected errors of the domain. Each message is one line: the field, what is wrong, the remedy."""


class HousingError(Exception):
    """Base of every expected error; its text is fit to show to a user as it is."""


class DataError(HousingError):
    """The data of a panel is missing, malformed or too short."""


class SettingsError(HousingError):
    """A setting, hyperparameter or argument has no valid meaning."""


class ArtifactError(HousingError):
    """A saved artifact is incomplete, altered or of another format."""
