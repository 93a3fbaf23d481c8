"""Expected errors of the caller's side. Each message is one line: what is wrong and the remedy."""


class PipelinesError(Exception):
    """Base of every expected error of this package; its text is fit to show to a user as it is."""


class DefinitionError(PipelinesError):
    """A pipeline definition holds arguments that the service would refuse."""


class ExecutionError(PipelinesError):
    """A pipeline execution can't be started or followed, or it failed."""


class RegistryError(PipelinesError):
    """The model registry holds no package that fits."""


class DeploymentError(PipelinesError):
    """An endpoint or a function is not in service."""


class BootstrapError(PipelinesError):
    """A stack can't be planned or deployed, or it failed."""


class ResultsError(PipelinesError):
    """A finished execution has no such result."""


class PredictionError(PipelinesError):
    """The model refused a request."""


class PriceError(PipelinesError):
    """The price table lacks a price, or a file over it does not fit."""


class BudgetError(PipelinesError):
    """What was asked for would cost more than the caller allows."""
