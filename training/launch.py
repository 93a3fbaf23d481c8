"""Several processes of a Train job on this host: torchrun starts and watches them, and the host ends as the first of them that failed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from training.contract import Container
from training.entry import fail
from training.interrupt import EXIT_INTERRUPTED


def launch(words: Sequence[str]) -> int:
    """Call torchrun with these words; the exit status is that of the first process that failed, 75 where the other hosts do not come.

    torchrun itself would end with 1 in either case, and a lost host would be taken for a failure of the job.
    """
    from torch.distributed import DistError
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    try:
        torchrun(list(words))
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return first.exitcode if first.exitcode >= 0 else 128 - first.exitcode
    except SignalException:
        return EXIT_INTERRUPTED
    except DistError as error:
        fail(Container.from_environment(), "training", f"the hosts of the job do not come together: {str(error).partition('. ')[0]}")
        return os.EX_TEMPFAIL
    return 0
